#pragma once

#include "dspy/base/async.hpp"
#include "dspy/server/http.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace dspy::server {

/// An open WebSocket, as its handler sees it.  For one coroutine.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  /// The next text message; nothing once the client has closed.  Throws `Error` (`bad_input`) for one that is not text.
  virtual Async<std::optional<std::string>> read() = 0;
  /// Returns when the connection has taken the message.  Throws `Error` (`cancelled`) when the client has gone.
  virtual Async<void> write(std::string text) = 0;
};

/// Runs until the conversation is over.  What it throws closes the socket with a reason.
using WebSocketHandler = std::function<Async<void>(HttpRequest request, WebSocket& socket)>;

struct WebSocketRoute {
  WebSocketHandler handler = {};
  std::string scope = {};  ///< As of a `Route`.
};

/// By exact path.
using WebSockets = std::map<std::string, WebSocketRoute, std::less<>>;

}  // namespace dspy::server
