#include "http/curl/transfer.hpp"

#include "dspy/base/text.hpp"
#include "http/address.hpp"
#include "http/curl/errors.hpp"

#include <boost/asio/ip/address.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <format>
#include <new>
#include <utility>

namespace dspy::http::curl {
namespace {

constexpr std::chrono::milliseconds longest_linger{100};
constexpr std::size_t most_lingered_bytes = std::size_t{64} * 1024;

}  // namespace

void FreeList::operator()(curl_slist* list) const noexcept {
  for (auto* each = list; each != nullptr; each = each->next) {
    for (volatile char* c = each->data; *c != 0; ++c) *c = 'x';
  }
  curl_slist_free_all(list);
}

void Shared::end(std::optional<Error> why) {
  const std::lock_guard lock(mutex);
  if (is_over) return;
  is_over = true;
  error = std::move(why);
}

Transfer::Transfer(Request request, const CurlOptions& options, Handle handle, std::optional<SocketLimits> socket)
    : request_(std::move(request)), options_(options), handle_(std::move(handle)) {
  auto url = parse_url(request_.url);
  if (!url) throw Error(Errc::invalid_parameter, std::format("the URL of a request is invalid: {}", url.error()));
  url_ = *std::move(url);
  origin_ = url_.origin();
  if (url_.has_userinfo) {
    throw Error(Errc::invalid_parameter,
                std::format("{}: the URL has a name or a password in it; send it as a credential", origin_));
  }
  if (socket) line_ = std::make_unique<SocketLine>(origin_, *socket);
  set_up();
}

void Transfer::upgrade(boost::asio::io_context& io, SocketLine::OnEnd on_end) {
  is_upgraded_ = true;
  {
    const std::lock_guard lock(shared.mutex);
    shared.is_upgraded = true;
  }
  shared.bell->ring();
  line_->start(handle(), io, weak_from_this(), std::move(on_end));
}

void Transfer::end(std::optional<Error> why) {
  shared.end(why);
  shared.bell->ring();
  if (line_) line_->shared.end(std::move(why));
}

Transfer::Limit Transfer::limit(Time now) {
  Limit first{.time = Time::max(), .code = Errc::timeout, .what = {}};
  const auto consider = [&](Time time, Errc code, std::string_view what) {
    if (time < first.time) first = {.time = time, .code = code, .what = what};
  };
  const auto& timeouts = request_.timeouts;
  if (request_.deadline) consider(*request_.deadline, Errc::deadline_exceeded, "the deadline passed");
  if (timeouts.total) consider(begun_ + *timeouts.total, Errc::timeout, "no whole reply came");
  switch (phase_) {
    case Phase::connecting: consider(begun_ + timeouts.connect, Errc::timeout, "no connection was made"); break;
    case Phase::waiting: consider(connected_ + timeouts.first_byte, Errc::timeout, "no reply began"); break;
    case Phase::body: {
      const std::lock_guard lock(shared.mutex);
      // A reader that comes later is waited for no longer than one more round.
      const auto since = shared.asked ? std::max(*shared.asked, last_bytes_) : now;
      consider(since + timeouts.idle, Errc::timeout, "no more of the reply came");
      break;
    }
  }
  return first;
}

Time Transfer::due(Time now) {
  if (is_upgraded_) return line_->due(now);
  return lingers_until_ ? *lingers_until_ : limit(now).time;
}

Error Transfer::late(Time now) {
  if (is_upgraded_) return line_->late(now);
  const auto passed = limit(now);
  if (passed.code == Errc::deadline_exceeded) return deadline_error(origin_, phase_);
  return timeout_error(origin_, phase_, passed.what, std::chrono::round<std::chrono::milliseconds>(now - begun_));
}

std::optional<Error> Transfer::outcome(CURLcode code) const {
  if (refusal_) return refusal_;
  if (code == CURLE_OK && phase_ == Phase::body) return std::nullopt;
  return transfer_error(
      code, {.origin = origin_,
             .phase = phase_,
             .detail = problem_,
             .waited = std::chrono::round<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun_)});
}

bool Transfer::linger() {
  if (is_upgraded_) line_->leave();
  if (line_) return false;
  const std::lock_guard lock(shared.mutex);
  if (phase_ != Phase::body || shared.is_paused || shared.is_over || lingers_until_) return false;
  lingers_until_ = std::chrono::steady_clock::now() + longest_linger;
  return true;
}

void Transfer::report(Changes changes) {
  if (!changes_.wakes_reader && !changes_.times) news_->push_back(shared_from_this());
  changes_.wakes_reader = changes_.wakes_reader || changes.wakes_reader;
  changes_.times = changes_.times || changes.times;
}

std::size_t Transfer::on_header(char* text, std::size_t size, std::size_t count, void* self) {
  const auto bytes = size * count;
  try {
    return static_cast<Transfer*>(self)->take_header_line({text, bytes}) ? bytes : 0;
  } catch (const std::bad_alloc&) {
    return 0;  // libcurl is C: it ends the transfer
  }
}

/// One line; an interim reply (1xx) is a whole header before the one that counts, and a trailer comes after the body.
bool Transfer::take_header_line(std::string_view line) {
  if (phase_ == Phase::body) return true;
  header_bytes_ += line.size();
  if (header_bytes_ > options_.most_header_bytes) {
    refusal_ =
        Error(Errc::unavailable, std::format("{}: the header of the reply has more than {} bytes, which is as much "
                                             "as is read",
                                             origin_, options_.most_header_bytes));
    return false;
  }
  line = text::trim_end(line);
  if (line.starts_with("HTTP/")) {
    head_ = {};
    const auto status = line.substr(std::min(line.find(' '), line.size()));
    const auto digits = text::trim(status).substr(0, 3);
    std::from_chars(digits.data(), digits.data() + digits.size(), head_.status);
    return true;
  }
  if (!line.empty()) {
    const auto colon = std::min(line.find(':'), line.size());
    const auto value = line.substr(std::min(colon + 1, line.size()));
    head_.headers.add(std::string(line.substr(0, colon)), std::string(text::trim(value)));
    return true;
  }
  if (head_.status < 200 && !(line_ && head_.status == 101)) return true;
  // The body is delivered decoded, so its encoding and its encoded length are not reported.
  if (const auto encoding = head_.headers.find("Content-Encoding"); encoding && *encoding != "identity") {
    head_.headers.remove("Content-Encoding");
    head_.headers.remove("Content-Length");
  }
  phase_ = Phase::body;
  last_bytes_ = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(shared.mutex);
    shared.head = std::move(head_);
  }
  report({.wakes_reader = true, .times = true});
  return true;
}

std::size_t Transfer::on_bytes(char* bytes, std::size_t size, std::size_t count, void* self) {
  try {
    return static_cast<Transfer*>(self)->take_bytes({bytes, size * count});
  } catch (const std::bad_alloc&) {
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t Transfer::take_bytes(std::string_view bytes) {
  if (lingers_until_) {
    lingered_bytes_ += bytes.size();
    return lingered_bytes_ > most_lingered_bytes ? CURL_WRITEFUNC_ERROR : bytes.size();
  }
  const std::lock_guard lock(shared.mutex);
  if (shared.is_over) return CURL_WRITEFUNC_ERROR;
  if (shared.bytes.size() >= options_.buffer_bytes) {
    shared.is_paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  shared.bytes += bytes;
  last_bytes_ = std::chrono::steady_clock::now();
  report({.wakes_reader = true});
  return bytes.size();
}

/// Called for every request, also on a connection that was there already.
int Transfer::on_connected(void* self, char* remote, char* /*local*/, int /*remote_port*/, int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.phase_ = Phase::waiting;
  transfer.connected_ = std::chrono::steady_clock::now();
  transfer.report({.times = true});
  transfer.refusal_.reset();  // of another of the name's addresses
  boost::system::error_code problem;
  const auto address = boost::asio::ip::make_address(remote, problem);
  if (transfer.options_.only_public_addresses && (problem || !is_public(address)))
    transfer.refusal_ = private_address_error(transfer.origin_);
  const bool is_in_clear = transfer.url_.scheme == "http" && !transfer.request_.credentials.empty();
  if (is_in_clear && (problem || !is_near(address))) transfer.refusal_ = clear_key_error(transfer.origin_);
  return transfer.refusal_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/// So that not even a connection is made to an address that is not allowed.
curl_socket_t Transfer::on_open_socket(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (!is_public(address->addr)) {
    transfer.refusal_ = private_address_error(transfer.origin_);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace dspy::http::curl
