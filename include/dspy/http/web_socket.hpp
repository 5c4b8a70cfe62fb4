#pragma once

#include "dspy/base/async.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace dspy::http {

/// How a socket was closed (RFC 6455, section 7.4).  1005: without a code.
struct SocketClose {
  std::uint16_t code = 1000;
  std::string reason = {};  ///< At most 123 bytes of it are sent.

  bool operator==(const SocketClose&) const = default;
};

struct SocketLimits {
  std::size_t message_bytes =
      std::size_t{16} * 1024 * 1024;  ///< Of a message that comes; a longer one ends the socket.
  std::size_t waiting_bytes =
      std::size_t{1024} * 1024;  ///< Of messages that wait to be sent, beyond which `send` waits.
  /// Pings the server after this much silence; a server that does not respond before the next ping is considered gone.
  std::optional<std::chrono::milliseconds> ping_after = {};
};

/// How long one operation of a socket may wait.
struct SocketWait {
  std::chrono::milliseconds idle{120'000};  ///< For the next message.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

/// An open WebSocket.  One coroutine may send while another reads.  An operation that fails ends the socket, and
/// destroying it closes it.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  /// Sends a text message; waits while too much of earlier ones is unsent.  Throws `Error`: `stream_broken` (the socket
  /// is closed), `invalid_parameter` (not UTF-8), `deadline_exceeded`, `cancelled`.
  virtual Async<void> send(std::string text, SocketWait wait = {}) = 0;

  /// The next text message, or nothing after the server has closed: `closed` says how.  Pings are answered on the way.
  /// Not reading applies backpressure to the server.  Throws `Error`: `stream_broken` (the connection ended without a
  /// close, or what came is not a text message within the limits), `timeout`, `deadline_exceeded`, `cancelled`.
  virtual Async<std::optional<std::string>> next(SocketWait wait = {}) = 0;

  /// Says goodbye, and waits for the server's, two seconds at most.  Messages that come meanwhile are lost.
  virtual Async<void> close(SocketClose why = {}) = 0;

  /// What the server closed with.
  virtual std::optional<SocketClose> closed() const = 0;
  /// Whether nothing has ended it yet, as far as is known here.
  virtual bool is_open() const = 0;
};

}  // namespace dspy::http
