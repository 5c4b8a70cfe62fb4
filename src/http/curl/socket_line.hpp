#pragma once

#include "base/bell.hpp"
#include "dspy/base/error.hpp"
#include "dspy/http/web_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::http::curl {

using Time = std::chrono::steady_clock::time_point;

/// What the I/O thread and the users of a WebSocket have in common.  Under `mutex`.
struct SocketShared {
  std::mutex mutex;

  std::deque<std::string> outgoing;
  std::size_t outgoing_bytes = 0;  ///< Those under way too.
  std::optional<SocketClose> goodbye;
  std::optional<Time> write_by;

  std::deque<std::string> incoming;
  std::size_t incoming_bytes = 0;
  std::optional<SocketClose> closed;
  std::optional<Time> asked;  ///< Since when the reader waits.
  std::chrono::milliseconds idle{120'000};
  std::optional<Time> read_by;

  bool is_over = false;
  std::optional<Error> error;
  const std::shared_ptr<Bell> reader = std::make_shared<Bell>();
  const std::shared_ptr<Bell> writer = std::make_shared<Bell>();

  /// The first end counts.
  void end(std::optional<Error> why);
};

/// The frames of one WebSocket, by libcurl's functions for them.  On the I/O thread, but for `shared`.
class SocketLine {
 public:
  /// Called when nothing more is to come; the line is not used any more.
  using OnEnd = std::function<void(std::optional<Error> why)>;

  SocketLine(std::string origin, SocketLimits limits) : origin_(std::move(origin)), limits_(limits) {}

  /// `keep` is held by what waits for the socket.
  void start(CURL* handle, boost::asio::io_context& io, std::weak_ptr<void> keep, OnEnd on_end);
  /// Writes and reads what can be.
  void pump();
  /// Says goodbye, if that can be done at once.
  void leave();
  /// libcurl closes the socket next.
  void detach();

  /// As a `Transfer`'s.
  Time due(Time now);
  Error late(Time now);
  /// Asks for a sign of life, if it is time.
  void tick(Time now);

  const SocketLimits& limits() const noexcept { return limits_; }
  /// Whether so much unread holds the server back: what comes stays in the system's buffers.
  static bool holds_back(std::size_t unread) noexcept;

  SocketShared shared;

 private:
  enum class Step { more, blocked, ended };
  struct Limit {
    Time time;
    Errc code;
    std::string_view what;
  };

  Step write_some();
  Step read_some();
  bool take_frame_to_send();
  Step take_chunk(const curl_ws_frame& frame, std::string_view bytes);
  Step take_message();
  Step take_close();
  Step fail(SocketClose told, std::string_view what);
  void end(std::optional<Error> why);
  void send_at_once(std::string_view payload, unsigned flags);
  void watch(bool writes);
  bool is_held();
  Limit limit(Time now);

  std::string origin_;
  SocketLimits limits_;
  CURL* handle_ = nullptr;
  std::weak_ptr<void> keep_;
  OnEnd on_end_;
  std::optional<boost::asio::posix::stream_descriptor> descriptor_;
  bool is_watched_[2] = {false, false};

  std::string sending_;  ///< Of the frame under way, what is unsent.
  unsigned sending_flags_ = 0;
  std::size_t sending_bytes_ = 0;  ///< Of the whole message, which the queue counts.
  bool is_sending_ = false;
  bool wants_ping_ = false;
  std::optional<std::string> pong_;  ///< To be sent: what the last ping had in it.
  std::optional<Time> said_goodbye_;

  std::string message_;
  std::string control_;                            ///< The payload of a ping or a close.
  Time heard_ = std::chrono::steady_clock::now();  ///< Anything at all.
  Time spoke_ = heard_;                            ///< A part of a message.
  std::optional<Time> pinged_;                     ///< Since it was last heard of.
};

}  // namespace dspy::http::curl
