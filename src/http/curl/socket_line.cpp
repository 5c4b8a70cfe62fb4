#include "http/curl/socket_line.hpp"

#include "dspy/base/text.hpp"
#include "http/curl/errors.hpp"

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace asio = boost::asio;

namespace dspy::http::curl {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{16} * 1024;
constexpr std::size_t most_reason = 123;
/// For unread messages; beyond it, backpressure is applied to the server.
constexpr std::size_t most_unread = std::size_t{256} * 1024;
constexpr std::chrono::seconds longest_goodbye{2};

std::string payload_of(const SocketClose& close) {
  if (close.code == 1005) return {};
  std::string out{static_cast<char>(close.code >> 8), static_cast<char>(close.code & 0xff)};
  auto reason = std::string_view(close.reason).substr(0, most_reason);
  while (text::invalid_utf8(reason)) reason.remove_suffix(1);
  return out.append(reason);
}

std::string_view name_of(std::uint16_t code) noexcept {
  switch (code) {
    case 1002: return "broke the protocol";
    case 1003: return "sent a message that is not text";
    case 1007: return "sent a text that is not UTF-8";
    default: return "sent a message that is too long";
  }
}

}  // namespace

void SocketShared::end(std::optional<Error> why) {
  {
    const std::lock_guard lock(mutex);
    if (!is_over) {
      is_over = true;
      error = std::move(why);
    }
  }
  reader->ring();
  writer->ring();
}

void SocketLine::start(CURL* handle, asio::io_context& io, std::weak_ptr<void> keep, OnEnd on_end) {
  handle_ = handle;
  keep_ = std::move(keep);
  on_end_ = std::move(on_end);
  heard_ = std::chrono::steady_clock::now();
  curl_socket_t number = CURL_SOCKET_BAD;
  boost::system::error_code problem;
  descriptor_.emplace(io);
  if (curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &number) != CURLE_OK || number == CURL_SOCKET_BAD ||
      descriptor_->assign(number, problem)) {
    end(Error(Errc::backend_error, std::format("{}: libcurl opened a WebSocket and gave no socket", origin_)));
    return;
  }
  pump();
}

void SocketLine::detach() {
  handle_ = nullptr;
  // Released, not closed: the socket is libcurl's.
  if (descriptor_ && descriptor_->is_open()) descriptor_->release();
}

void SocketLine::pump() {
  do {
    auto step = Step::more;
    while (step == Step::more) step = write_some();
    if (step != Step::ended) step = Step::more;
    while (step == Step::more) step = read_some();
    if (step == Step::ended) return;
  } while (pong_ && !is_sending_);  // it was asked for by what was read
  if (is_sending_) watch(true);
  if (!is_held()) watch(false);
}

void SocketLine::watch(bool writes) {
  if (std::exchange(is_watched_[writes ? 1 : 0], true)) return;
  const auto side = writes ? asio::posix::stream_descriptor::wait_write : asio::posix::stream_descriptor::wait_read;
  descriptor_->async_wait(side, [this, writes, keep = keep_](const boost::system::error_code& problem) {
    const auto alive = keep.lock();
    if (!alive) return;
    is_watched_[writes ? 1 : 0] = false;
    if (problem != asio::error::operation_aborted && handle_ != nullptr) pump();
  });
}

bool SocketLine::holds_back(std::size_t unread) noexcept {
  return unread >= most_unread;
}

bool SocketLine::is_held() {
  const std::lock_guard lock(shared.mutex);
  return holds_back(shared.incoming_bytes);
}

void SocketLine::end(std::optional<Error> why) {
  if (const auto told = std::exchange(on_end_, nullptr)) told(std::move(why));
}

/// Closes with a code that says what the server has done wrong.
SocketLine::Step SocketLine::fail(SocketClose told, std::string_view what) {
  send_at_once(payload_of(told), CURLWS_CLOSE);
  end(Error(Errc::stream_broken,
            std::format("{}: the server {}; the socket was closed with {}", origin_, what, told.code)));
  return Step::ended;
}

void SocketLine::send_at_once(std::string_view payload, unsigned flags) {
  if (handle_ == nullptr || is_sending_ || said_goodbye_) return;
  std::size_t sent = 0;
  static_cast<void>(curl_ws_send(handle_, payload.data(), payload.size(), &sent, 0, flags));
}

void SocketLine::leave() {
  send_at_once(payload_of({.code = 1001}), CURLWS_CLOSE);
}

bool SocketLine::take_frame_to_send() {
  if (is_sending_) return true;
  sending_bytes_ = 0;
  if (pong_) {
    sending_ = *std::exchange(pong_, std::nullopt);
    sending_flags_ = CURLWS_PONG;
    return is_sending_ = true;
  }
  if (std::exchange(wants_ping_, false)) {
    sending_.clear();
    sending_flags_ = CURLWS_PING;
    return is_sending_ = true;
  }
  const std::lock_guard lock(shared.mutex);
  if (!shared.outgoing.empty()) {
    sending_ = std::move(shared.outgoing.front());
    shared.outgoing.pop_front();
    sending_bytes_ = sending_.size();
    sending_flags_ = CURLWS_TEXT;
    return is_sending_ = true;
  }
  if (shared.goodbye && !said_goodbye_) {
    sending_ = payload_of(*shared.goodbye);
    sending_flags_ = CURLWS_CLOSE;
    said_goodbye_ = std::chrono::steady_clock::now();
    return is_sending_ = true;
  }
  return false;
}

SocketLine::Step SocketLine::write_some() {
  if (!take_frame_to_send()) return Step::blocked;
  std::size_t sent = 0;
  const auto problem = curl_ws_send(handle_, sending_.data(), sending_.size(), &sent, 0, sending_flags_);
  if (problem == CURLE_AGAIN) return Step::blocked;
  if (problem != CURLE_OK) {
    end(Error(Errc::stream_broken, std::format("{}: the WebSocket's connection ended while a message was sent ({})",
                                               origin_, curl_easy_strerror(problem))));
    return Step::ended;
  }
  sending_.erase(0, sent);
  if (!sending_.empty()) return Step::more;
  is_sending_ = false;
  {
    const std::lock_guard lock(shared.mutex);
    shared.outgoing_bytes -= sending_bytes_;
  }
  shared.writer->ring();
  return Step::more;
}

SocketLine::Step SocketLine::read_some() {
  if (is_held()) return Step::blocked;
  std::array<char, chunk_bytes> buffer;
  std::size_t count = 0;
  const curl_ws_frame* frame = nullptr;
  const auto problem = curl_ws_recv(handle_, buffer.data(), buffer.size(), &count, &frame);
  if (problem == CURLE_AGAIN) return Step::blocked;
  if (problem != CURLE_OK || frame == nullptr) {
    end(said_goodbye_ ? std::nullopt
                      : std::optional(Error(Errc::stream_broken,
                                            std::format("{}: the WebSocket's connection ended without a close ({})",
                                                        origin_, curl_easy_strerror(problem)))));
    return Step::ended;
  }
  heard_ = std::chrono::steady_clock::now();
  pinged_.reset();
  return take_chunk(*frame, {buffer.data(), count});
}

SocketLine::Step SocketLine::take_chunk(const curl_ws_frame& frame, std::string_view bytes) {
  const auto is = [&](int flag) { return (frame.flags & flag) != 0; };
  const bool is_whole_frame = frame.bytesleft == 0;
  if (is(CURLWS_CLOSE)) {
    control_ += bytes;
    return is_whole_frame ? take_close() : Step::more;
  }
  if (is(CURLWS_PONG)) return Step::more;
  if (is(CURLWS_PING)) {
    control_ += bytes;
    if (is_whole_frame) pong_ = std::exchange(control_, {});
    return Step::more;
  }
  if (is(CURLWS_BINARY)) return fail({.code = 1003, .reason = "only text is understood"}, name_of(1003));
  if (message_.size() + bytes.size() > limits_.message_bytes)
    return fail({.code = 1009, .reason = "the message is too long"}, name_of(1009));
  spoke_ = heard_;
  message_ += bytes;
  return is_whole_frame && !is(CURLWS_CONT) ? take_message() : Step::more;
}

SocketLine::Step SocketLine::take_message() {
  if (text::invalid_utf8(message_)) return fail({.code = 1007, .reason = "the text is not UTF-8"}, name_of(1007));
  {
    const std::lock_guard lock(shared.mutex);
    // An empty message counts too, or they could fill the memory.
    shared.incoming_bytes += message_.size() + 1;
    shared.incoming.push_back(std::exchange(message_, {}));
    shared.asked.reset();
  }
  shared.reader->ring();
  return Step::more;
}

SocketLine::Step SocketLine::take_close() {
  SocketClose told{.code = 1005};
  if (control_.size() >= 2) {
    told.code = static_cast<std::uint16_t>(static_cast<unsigned char>(control_[0]) << 8 |
                                           static_cast<unsigned char>(control_[1]));
    told.reason = control_.substr(2);
  }
  if (control_.size() == 1 || text::invalid_utf8(told.reason)) return fail({.code = 1002}, name_of(1002));
  {
    const std::lock_guard lock(shared.mutex);
    shared.closed = told;
  }
  send_at_once(payload_of(told), CURLWS_CLOSE);
  end(std::nullopt);
  return Step::ended;
}

SocketLine::Limit SocketLine::limit(Time now) {
  Limit first{.time = Time::max(), .code = Errc::timeout, .what = {}};
  const auto consider = [&](Time time, Errc code, std::string_view what) {
    if (time < first.time) first = {.time = time, .code = code, .what = what};
  };
  const bool held = is_held();
  const std::lock_guard lock(shared.mutex);
  // A reader that comes later is waited for no longer than one more round.
  const auto asked = shared.asked ? std::max(*shared.asked, spoke_) : now;
  consider(asked + shared.idle, Errc::timeout, "no message came");
  if (shared.read_by) consider(*shared.read_by, Errc::deadline_exceeded, {});
  if (shared.write_by) consider(*shared.write_by, Errc::deadline_exceeded, {});
  if (said_goodbye_) consider(*said_goodbye_ + longest_goodbye, Errc::timeout, "the server did not close");
  if (limits_.ping_after) {
    const auto since = held ? now : pinged_.value_or(heard_);
    consider(since + *limits_.ping_after, Errc::timeout, "the server gave no sign of life");
  }
  return first;
}

void SocketLine::tick(Time now) {
  if (!limits_.ping_after || pinged_ || handle_ == nullptr || is_held()) return;
  if (now < heard_ + *limits_.ping_after) return;
  pinged_ = now;
  wants_ping_ = true;
  pump();
}

Time SocketLine::due(Time now) {
  return limit(now).time;
}

Error SocketLine::late(Time now) {
  const auto passed = limit(now);
  if (passed.code == Errc::deadline_exceeded) return deadline_error(origin_, Phase::body);
  return {Errc::timeout, std::format("{}: {} in time", origin_, passed.what)};
}

}  // namespace dspy::http::curl
