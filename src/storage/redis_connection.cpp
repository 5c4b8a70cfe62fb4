#include "storage/redis_connection.hpp"

#include "dspy/base/error.hpp"
#include "storage/redis_tls.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::storage {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T out = 0;
  const auto* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && parsed == end ? std::optional(out) : std::nullopt;
}

/// Refuses addresses of one role.  They are shown, unless a password may be in them.
struct Refusal {
  std::string_view role, url;

  [[noreturn]] void operator()(std::string_view why) const {
    const auto shown = url.contains('@') ? std::string() : std::format(", `{}`,", url);
    throw Error(Errc::config_error, std::format("the address of {}{} {}; write redis://host:6379/0", role, shown, why));
  }
};

/// Whether a server error is temporary: the server is starting, busy, full, changing its leader, or has lost state that
/// a new connection restores.  A script's error has the word further on.
bool may_pass(std::string_view told) {
  constexpr auto passing =
      std::to_array<std::string_view>({"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY",
                                       "NOREPLICAS", "MISCONF", "OOM", "NOGROUP", "max number of clients"});
  return std::ranges::any_of(passing, [&](std::string_view word) { return told.contains(word); });
}

struct FreeAddresses {
  void operator()(addrinfo* all) const noexcept { ::freeaddrinfo(all); }
};

}  // namespace

RedisAddress RedisAddress::parse(std::string_view url, std::string role) {
  const Refusal refuse{.role = role, .url = url};
  const auto colon = url.find("://");
  const auto scheme = url.substr(0, std::min(colon, url.size()));
  RedisAddress out;
  out.uses_tls = scheme == "rediss" || scheme == "valkeys";
  if (!out.uses_tls && scheme != "redis" && scheme != "valkey")
    refuse("does not begin with redis:// or valkey://, nor for TLS with rediss:// or valkeys://");
  auto rest = url.substr(colon + 3);
  if (const auto query = rest.rfind("?ca="); query != std::string_view::npos) {
    if (!out.uses_tls) refuse("has certificates (`?ca=`) and no TLS; begin with rediss://");
    out.authority = rest.substr(query + 4);
    rest = rest.substr(0, query);
  }
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const auto who = rest.substr(0, at);
    const auto parts = std::min(who.find(':'), who.size());
    out.user = who.substr(0, parts);
    out.password = Secret(std::string(who.substr(std::min(parts + 1, who.size()))));
    rest.remove_prefix(at + 1);
  }
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const auto path = rest.substr(slash + 1);
    const auto database = path.empty() ? std::optional(0) : number<int>(path);
    if (!database || *database < 0) refuse("has a path that is not a number of a database");
    out.database = *database;
    rest = rest.substr(0, slash);
  }
  auto port = std::string_view();
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) refuse("has a `[` without its `]`");
    out.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
  } else {
    const auto parts = std::min(rest.find(':'), rest.size());
    out.host = rest.substr(0, parts);
    port = rest.substr(parts);
  }
  if (out.host.empty()) refuse("names no host");
  if (!port.empty()) {
    const auto given = port.front() == ':' ? number<std::uint16_t>(port.substr(1)) : std::nullopt;
    if (!given || *given == 0) refuse("has a port that is not a number from 1 to 65535");
    out.port = *given;
  }
  out.role = std::move(role);
  return out;
}

std::string RedisAddress::origin() const {
  return std::format("{}:{}", host.contains(':') ? "[" + host + "]" : host, port);
}

RedisConnection::RedisConnection(const RedisAddress& address, Deadline deadline)
    : name_(std::format("{} {}", address.role, address.origin())) {
  try {
    connect(address, deadline);
    if (address.uses_tls) shake_hands(address, deadline);
    if (!address.password.is_empty()) {
      if (address.user.empty()) {
        ask({"AUTH", address.password.reveal()}, deadline);
      } else {
        ask({"AUTH", address.user, address.password.reveal()}, deadline);
      }
    }
    if (address.database != 0) ask({"SELECT", std::to_string(address.database)}, deadline);
  } catch (...) {
    if (socket_ >= 0) ::close(socket_);
    throw;
  }
}

RedisConnection::~RedisConnection() {
  ::close(socket_);
}

void RedisConnection::connect(const RedisAddress& address, Deadline deadline) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> all(found);
  if (problem != 0 || found == nullptr)
    throw Error(Errc::io_error,
                std::format("{} has no address ({})", name_, problem != 0 ? ::gai_strerror(problem) : "none found"));
  int failure = 0;
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    socket_ = ::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) continue;
    if (::connect(socket_, each->ai_addr, each->ai_addrlen) != 0) {
      failure = errno;
      if (failure == EINPROGRESS) {
        wait(POLLOUT, deadline);
        socklen_t size = sizeof(failure);
        ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failure, &size);
      }
    } else {
      failure = 0;
    }
    if (failure == 0) {
      const int on = 1;
      ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return;
    }
    ::close(socket_);
    socket_ = -1;
  }
  throw Error(Errc::io_error, std::format("{} cannot be reached: {}", name_, std::generic_category().message(failure)));
}

void RedisConnection::wait(short events, Deadline deadline) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw Error(Errc::io_error, std::format("{} is too slow", name_));
    pollfd one{.fd = socket_, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return;
  }
}

void RedisConnection::shake_hands(const RedisAddress& address, Deadline deadline) {
  tls_ = redis_tls(address, name_);
  std::array<char, std::size_t{16} * 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): is read into
  while (true) {
    const bool is_over = tls_->shake_hands();
    send_raw(tls_->outgoing(), deadline);
    if (is_over) return;
    tls_->take(receive_raw(buffer, deadline));
  }
}

void RedisConnection::send(std::string_view bytes, Deadline deadline) const {
  if (!tls_) return send_raw(bytes, deadline);
  tls_->seal(bytes);
  send_raw(tls_->outgoing(), deadline);
}

void RedisConnection::send_raw(std::string_view bytes, Deadline deadline) const {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait(POLLOUT, deadline);
    } else if (errno != EINTR) {
      throw Error(Errc::io_error,
                  std::format("the connection to {} is lost: {}", name_, std::generic_category().message(errno)));
    }
  }
}

std::string_view RedisConnection::receive_raw(std::span<char> buffer, Deadline deadline) const {
  while (true) {
    const auto got = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (got > 0) return {buffer.data(), static_cast<std::size_t>(got)};
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      wait(POLLIN, deadline);
    } else if (got == 0 || errno != EINTR) {
      throw Error(Errc::io_error, std::format("the connection to {} is lost", name_));
    }
  }
}

RespValue RedisConnection::receive(Deadline deadline) {
  std::array<char, std::size_t{16} * 1024> buffer;
  while (true) {
    if (auto value = reader_.next()) return *std::move(value);
    const auto got = receive_raw(buffer, deadline);
    if (!tls_) {
      reader_.feed(got);
      continue;
    }
    tls_->take(got);
    reader_.feed(tls_->opened());
    send_raw(tls_->outgoing(), deadline);  // keys may change on the way
  }
}

RespValue RedisConnection::ask(std::initializer_list<std::string_view> words, Deadline deadline) {
  send(resp_command(std::span(words.begin(), words.size())), deadline);
  auto value = receive(deadline);
  if (value.kind == RespValue::Kind::error)
    throw Error(may_pass(value.text) ? Errc::io_error : Errc::config_error,
                std::format("{} says: {}", name_, value.text));
  return value;
}

std::vector<RespValue> RedisConnection::ask_all(std::span<const std::vector<std::string>> commands, Deadline deadline) {
  std::string bytes;
  for (const auto& command : commands) {
    const std::vector<std::string_view> words(command.begin(), command.end());
    bytes += resp_command(words);
  }
  send(bytes, deadline);
  std::vector<RespValue> answers;
  answers.reserve(commands.size());
  while (answers.size() < commands.size()) answers.push_back(receive(deadline));
  return answers;
}

}  // namespace dspy::storage
