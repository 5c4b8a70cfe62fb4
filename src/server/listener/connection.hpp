#pragma once

#include "dspy/server/listener.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/web_socket.hpp"
#include "server/listener/peer_rates.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace dspy::server {

/// What the connections of a listener share.
struct Service {
  std::shared_ptr<const Routes> routes;
  std::shared_ptr<const WebSockets> sockets;  ///< May be null.
  ListenerLimits limits;
  PeerRates rates{0};
  std::atomic<bool> is_draining = false;
  std::atomic<std::size_t> running = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> refused = 0;

  explicit Service(const ListenerLimits& given) : limits(given), rates(given.requests_per_second) {}
};

/// One client.  What a sweeper reads is atomic; everything else belongs to the connection's strand.
class Connection {
 public:
  enum class Phase {
    idle,     ///< Between requests.
    reading,  ///< A request is arriving.
    running,  ///< A handler works.
    writing,
  };

  Connection(boost::asio::ip::tcp::socket taken, std::string from) : socket(std::move(taken)), peer(std::move(from)) {}

  /// `time` 0: for as long as it takes.
  void enter(Phase phase, std::chrono::nanoseconds time);
  /// A request begins; returns the stop token of its handler.
  std::stop_token begin();
  /// The client has disconnected: the handler is stopped, and nothing more can be sent.
  void lose();

  /// Whether `tick` has something to do.
  bool needs_tick(std::chrono::steady_clock::time_point now) const noexcept;
  /// On the strand: ends what takes too long, and looks whether the client of a running request is still there.
  void tick(std::chrono::steady_clock::time_point now);
  /// On the strand: ends the connection between requests, and subscriptions at once.
  void drain();
  /// On the strand: stops the handler.
  void stop();
  void close() noexcept;

  boost::asio::ip::tcp::socket socket;
  const std::string peer;
  bool is_lost = false;
  bool is_overdue = false;       ///< The phase took too long.
  bool is_subscription = false;  ///< Streams until somebody ends it.

 private:
  std::atomic<Phase> phase_ = Phase::idle;
  std::atomic<std::int64_t> deadline_ = 0;  ///< Of the steady clock, in nanoseconds; 0: none.
  std::stop_source stop_;
};

/// Answers the connection's requests until it ends.  `tls` may be null, and else outlives it.
Async<void> converse(std::shared_ptr<Service> service, std::shared_ptr<Connection> connection,
                     std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace dspy::server
