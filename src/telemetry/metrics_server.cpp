#include "dspy/telemetry/metrics_server.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <format>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace dspy {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t most_head_bytes = 16 * 1024;
constexpr auto patience = 5s;

class Socket {
 public:
  explicit Socket(int number) noexcept : number_(number) {}
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const noexcept { return number_; }

 private:
  int number_;
};

sockaddr* plain(sockaddr_in& address) {
  return reinterpret_cast<sockaddr*>(&address);  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast): as it is meant
}

[[noreturn]] void fail(std::uint16_t port, int problem) {
  throw Error(Errc::io_error, std::format("metrics cannot be offered on 127.0.0.1:{} ({}); choose another port", port,
                                          std::generic_category().message(problem)));
}

Socket listening(std::uint16_t& port) {
  Socket out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (out.number() < 0) fail(port, errno);
  const int on = 1;
  ::setsockopt(out.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(out.number(), plain(address), size) != 0 || ::listen(out.number(), 16) != 0) fail(port, errno);
  if (::getsockname(out.number(), plain(address), &size) != 0) fail(port, errno);
  port = ntohs(address.sin_port);
  return out;
}

/// Whether it is ready before `end` and before `stop` is asked.
bool is_ready(int socket, short events, Time end, const std::stop_token& stop) {
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < end) {
    pollfd one{.fd = socket, .events = events, .revents = 0};
    if (::poll(&one, 1, 50) > 0) return true;
  }
  return false;
}

/// The head of a request; empty if none came in time or it was too long.
std::string head_of(int socket, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::string out;
  std::array<char, 2048> buffer;
  while (!out.contains("\r\n\r\n")) {
    if (out.size() > most_head_bytes || !is_ready(socket, POLLIN, end, stop)) return {};
    const auto got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got <= 0) return {};
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return out;
}

std::string reply(std::string_view status, std::string_view type, std::string_view body, bool is_head) {
  return std::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", status,
                     type, body.size(), is_head ? std::string_view() : body);
}

std::string answer(std::string_view head, const std::function<std::string()>& text) {
  constexpr std::string_view plain_text = "text/plain; charset=utf-8";
  const auto line = head.substr(0, head.find("\r\n"));
  const bool is_head = line.starts_with("HEAD ");
  if (!is_head && !line.starts_with("GET ")) return reply("405 Method Not Allowed", plain_text, "ask by GET\n", false);
  auto path = line.substr(line.find(' ') + 1);
  path = path.substr(0, path.find_first_of(" ?"));
  if (path != "/metrics") return reply("404 Not Found", plain_text, "the metrics are at /metrics\n", is_head);
  const auto body = attempt(text);
  if (!body) {
    log(LogLevel::warning, "metrics", body.error().what());
    return reply("500 Internal Server Error", plain_text, "the metrics cannot be read; see the log\n", is_head);
  }
  return reply("200 OK", "text/plain; version=0.0.4; charset=utf-8", *body, is_head);
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(std::function<std::string()> text, std::uint16_t port)
      : text_(std::move(text)), port_(port), listening_(listening(port_)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  std::uint16_t port() const noexcept { return port_; }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!is_ready(listening_.number(), POLLIN, std::chrono::steady_clock::now() + 1h, stop)) continue;
      const Socket client(::accept4(listening_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client.number() < 0) continue;
      const auto head = head_of(client.number(), stop);
      if (!head.empty()) send(client.number(), answer(head, text_), stop);
    }
  }

  static void send(int socket, std::string_view bytes, const std::stop_token& stop) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!bytes.empty() && is_ready(socket, POLLOUT, end, stop)) {
      const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return;
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    ::shutdown(socket, SHUT_WR);
  }

  std::function<std::string()> text_;
  std::uint16_t port_;
  Socket listening_;
  std::jthread thread_;  // ends before what it uses
};

MetricsServer::MetricsServer(std::shared_ptr<const Metrics> metrics, std::uint16_t port) {
  if (!metrics) throw Error(Errc::config_error, "there are no metrics to serve; create a `Metrics`");
  impl_ = std::make_unique<Impl>([metrics = std::move(metrics)] { return metrics->text(); }, port);
}

MetricsServer::MetricsServer(std::function<std::string()> text, std::uint16_t port)
    : impl_(std::make_unique<Impl>(std::move(text), port)) {}

MetricsServer::~MetricsServer() = default;

std::uint16_t MetricsServer::port() const noexcept {
  return impl_->port();
}

}  // namespace dspy
