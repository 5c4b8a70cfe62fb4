#pragma once

#include "mock_provider/exchange.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace dspy::mock {

/// Called on the server's thread.  A request for a WebSocket that is answered with status 101 opens one: each message
/// that comes is a request of its own, with the head of the first and the message as its body.
using Handler = std::function<Reply(const Request&)>;

/// An HTTP/1.1 server on 127.0.0.1, on a thread of its own, until it is destroyed.
class Server {
 public:
  /// Port 0 is any that is free.  Throws `Error` (`io_error`) where the port is taken.
  Server(std::uint16_t port, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const noexcept;
  /// Connections that are open now, and those there were in all.
  std::size_t open_connections() const noexcept;
  std::size_t connections() const noexcept;
  /// Bytes of bodies that the system has taken for sending.
  std::uint64_t bytes_sent() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dspy::mock
