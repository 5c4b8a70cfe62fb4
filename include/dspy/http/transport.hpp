#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/http/web_socket.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy::http {

/// How long a request may wait, phase by phase.
struct Timeouts {
  std::chrono::milliseconds connect{
      10'000};  ///< Name, connection and TLS, and a place in the queue where connections are limited.
  std::chrono::milliseconds first_byte{600'000};  ///< From then until the reply's header is complete.
  std::chrono::milliseconds idle{120'000};        ///< Between two pieces of the body, while the reader asks for one.
  std::optional<std::chrono::milliseconds> total = {};  ///< All of it.
};

/// A header field whose value is a secret: `{"Authorization", "Bearer ", key}`.  It is sent to the request's own origin
/// only, and gets into no error and no log.
struct Credential {
  std::string header = {};
  std::string prefix = {};
  Secret value = {};
};

struct Request {
  std::string method = "POST";
  std::string url = {};
  Headers headers = {};
  std::string body = {};
  std::vector<Credential> credentials = {};
  Timeouts timeouts = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};
};

/// The body of a reply as it comes.  For one reader at a time.  Destroying it before its end gives the transfer up.
class Body {
 public:
  virtual ~Body() = default;

  /// The next bytes (never an empty string), or nothing at a proper end.  Not asking for more holds the sender back.
  /// Throws `Error`: `stream_broken` when the connection ends before the body does, `timeout` (idle or total),
  /// `deadline_exceeded`, `cancelled`.
  virtual Async<std::optional<std::string>> next() = 0;
};

struct Streamed {
  int status = 0;
  Headers headers = {};
  std::unique_ptr<Body> body = {};
};

/// A server's answer to the wish for a WebSocket.
struct Upgraded {
  int status = 0;  ///< 101 where it has agreed.
  Headers headers = {};
  std::unique_ptr<WebSocket> socket = {};  ///< Null where it has not.
};

/// Sends requests.  Calls may be concurrent and come from any thread; the result of a call may be awaited, and a body
/// read, after the transport is destroyed.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Sends `request`, and returns when the reply's header is there; any HTTP status is a reply.  Redirects are not
  /// followed.  Throws `Error`, with the origin and the phase but neither path, query nor secrets in its message:
  /// `invalid_parameter` (a URL or header that cannot be sent), `unavailable` (name, connection, TLS, or closed before
  /// the header was complete), `timeout` (which one), `deadline_exceeded`, `cancelled`.
  virtual Async<Streamed> open(Request request) = 0;

  /// Opens a WebSocket at `request.url` (`https` stands for `wss`, `http` for `ws`), with its headers and credentials;
  /// method and body are ignored, and its timeouts, deadline and stop token apply only to the handshake.  Any HTTP
  /// status is an answer.  Throws as `open` does, and `unsupported` for a transport that has no WebSockets.
  virtual Async<Upgraded> connect(Request request, SocketLimits limits = {});
};

/// Sends `request` and reads the whole reply.  Throws what `Transport::open` and `Body::next` throw, and
/// `stream_broken` for a body of more than `most_bytes`.
Async<Response> send(std::shared_ptr<Transport> transport, Request request,
                     std::size_t most_bytes = std::size_t{64} * 1024 * 1024);

}  // namespace dspy::http
