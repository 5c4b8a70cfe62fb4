#pragma once

#include "dspy/base/async.hpp"
#include "dspy/http/web_socket.hpp"
#include "providers/endpoint.hpp"
#include "providers/protocol.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

// Responses over a WebSocket: a message asks, and the events of a stream come back, a message each.  One request at a
// time uses a socket, which is kept for the next.

namespace dspy::providers {

/// A socket that is kept, and since when it is open.
struct KeptSocket {
  std::unique_ptr<http::WebSocket> socket = {};
  std::chrono::steady_clock::time_point opened = {};
};

/// The idle sockets of one endpoint.  Thread-safe.
class SocketPool {
 public:
  /// One that is open and not so old that the server will close it soon; an empty one if there is none.
  KeptSocket take();
  void put(KeptSocket kept);

 private:
  std::mutex mutex_;
  std::vector<KeptSocket> kept_;
};

/// The reply to `wire`, with its events on the way.  Throws what the socket throws, and what the provider tells.
Async<Reply> ask_over_socket(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                             const WireRequest& wire, const Request& request, Emitter& out);

}  // namespace dspy::providers
