#pragma once

#include "dspy/server/routes.hpp"
#include "dspy/server/web_socket.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace dspy::server {

/// What a listener takes from a client before it refuses.
struct ListenerLimits {
  std::size_t head_bytes = std::size_t{16} << 10;  ///< Request line and header fields; above: 431.
  std::size_t header_fields = 100;                 ///< Above: 431.
  std::size_t body_bytes = std::size_t{32} << 20;  ///< Above: 413.
  std::size_t connections = 10'000;                ///< Above: 503, and the connection is closed.
  double requests_per_second = 0;                  ///< Of one address, with a second's worth at once; 0: any number.

  std::chrono::milliseconds head_time = std::chrono::seconds(10);   ///< From a request's first byte to its empty line.
  std::chrono::milliseconds body_time = std::chrono::seconds(60);   ///< For the body to arrive.
  std::chrono::milliseconds idle_time = std::chrono::seconds(75);   ///< Between requests of one connection.
  std::chrono::milliseconds write_time = std::chrono::seconds(30);  ///< For a client to take one piece of a response.
  std::chrono::milliseconds request_time = std::chrono::minutes(10);  ///< For a handler to answer; then it is stopped.
  std::chrono::milliseconds socket_idle_time = std::chrono::minutes(10);  ///< Of a WebSocket, without messages; 0: any.
  std::chrono::milliseconds socket_time = std::chrono::hours(24);         ///< Of a WebSocket, from its opening; 0: any.
};

/// PEM files.
struct TlsFiles {
  std::filesystem::path certificate = {};  ///< With the chain.
  std::filesystem::path key = {};
};

struct ListenerOptions {
  std::string address = "127.0.0.1";  ///< A numeric address; `::` and `0.0.0.0` are all there are.
  std::uint16_t port = 0;             ///< 0: any that is free.
  std::optional<TlsFiles> tls = {};
  ListenerLimits limits = {};
  std::size_t threads = 0;  ///< 0: as many as the machine has cores.
};

/// What a listener is doing.
struct ListenerState {
  std::size_t connections = 0;
  std::size_t running = 0;  ///< Requests being answered.
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;  ///< Answered without a handler: malformed, too large, too slow, too many.
  bool is_draining = false;
};

/// Splits `127.0.0.1:8080`, `[::1]:8080` or `:8080` (loopback).  Throws `Error` (`invalid_parameter`).
ListenerOptions listen_at(const std::string& address);
/// Whether only this machine can reach the address.
bool is_loopback(const std::string& address);

/// An HTTP/1.1 server over one event loop with several threads.  Each connection's requests are answered one after the
/// other; handlers run as coroutines on the loop.  A client that goes away stops its handler; a client that reads
/// slowly holds back what is streamed to it.
class Listener {
 public:
  /// Listens at once.  Throws `Error` (`config_error`) for an address or TLS files that cannot be used, `io_error`
  /// where the port is taken.
  Listener(std::shared_ptr<const Routes> routes, const ListenerOptions& options,
           std::shared_ptr<const WebSockets> sockets = {});
  /// Stops at once what still runs.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const noexcept;
  ListenerState state() const;

  /// Accepts no more connections, finishes pending requests, and returns when all are closed; after `patience` handlers
  /// are stopped.  Returns whether none had to be stopped.
  bool drain(std::chrono::milliseconds patience);

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy::server
