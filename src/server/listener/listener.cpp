#include "dspy/server/listener.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "server/listener/connection.hpp"
#include "server/listener/listener_loop.hpp"
#include "server/listener/response_head.hpp"
#include "server/listener/tls.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <format>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto sweep_time = 100ms;
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

asio::ip::address address_of(const std::string& text) {
  boost::system::error_code code;
  const auto out = asio::ip::make_address(text, code);
  if (code)
    throw Error(Errc::config_error,
                std::format("`{}` is not a numeric address to listen at; write one such as 127.0.0.1 or ::1", text));
  return out;
}

}  // namespace

class Listener::Impl {
 public:
  Impl(std::shared_ptr<const Routes> routes, const ListenerOptions& options, std::shared_ptr<const WebSockets> sockets)
      : service_(std::make_shared<Service>(options.limits)),
        tls_(options.tls ? tls_context(*options.tls) : nullptr),
        loop_(threads_of(options)),
        acceptor_(asio::make_strand(loop_.context())),
        sweeper_(asio::make_strand(loop_.context())) {
    service_->routes = std::move(routes);
    service_->sockets = std::move(sockets);
    listen({address_of(options.address), options.port});
    asio::co_spawn(acceptor_.get_executor(), accept(*this), asio::detached);
    asio::co_spawn(sweeper_.get_executor(), sweep(*this), asio::detached);
    loop_.start();
  }

  ~Impl() {
    stop_accepting();
    is_ending_ = true;
    asio::post(sweeper_.get_executor(), [this] { sweeper_.cancel(); });
    const auto all = connections();
    for (const auto& connection : all)
      asio::post(connection->socket.get_executor(), [connection] {
        connection->stop();
        connection->close();
      });
    loop_.end(2s);
  }

  std::uint16_t port() const { return port_; }

  ListenerState state() const {
    const std::lock_guard lock(mutex_);
    return {.connections = connections_.size(),
            .running = service_->running,
            .requests = service_->requests,
            .refused = service_->refused,
            .is_draining = service_->is_draining};
  }

  bool drain(std::chrono::milliseconds patience) {
    stop_accepting();
    for (const auto& connection : connections())
      asio::post(connection->socket.get_executor(), [connection] { connection->drain(); });
    if (wait_until_empty(patience)) return true;
    for (const auto& connection : connections())
      asio::post(connection->socket.get_executor(), [connection] { connection->stop(); });
    wait_until_empty(2s);
    return false;
  }

 private:
  static std::size_t threads_of(const ListenerOptions& options) {
    return options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  }

  void listen(const tcp::endpoint& at) {
    boost::system::error_code code;
    std::ignore = acceptor_.open(at.protocol(), code);
    if (!code) std::ignore = acceptor_.set_option(asio::socket_base::reuse_address(true), code);
    if (!code && at.address().is_v6()) std::ignore = acceptor_.set_option(asio::ip::v6_only(false), code);
    if (!code) std::ignore = acceptor_.bind(at, code);
    if (!code) std::ignore = acceptor_.listen(4096, code);
    if (code)
      throw Error(Errc::io_error, std::format("cannot listen at {} port {} ({}); choose another port or address",
                                              at.address().to_string(), at.port(), code.message()));
    port_ = acceptor_.local_endpoint().port();
  }

  /// Copies, since those may end meanwhile.
  std::vector<std::shared_ptr<Connection>> connections() const {
    const std::lock_guard lock(mutex_);
    return {connections_.begin(), connections_.end()};
  }

  void stop_accepting() {
    service_->is_draining = true;
    asio::post(acceptor_.get_executor(), [this] {
      boost::system::error_code ignored;
      std::ignore = acceptor_.close(ignored);
    });
  }

  bool wait_until_empty(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return emptied_.wait_for(lock, patience, [&] { return connections_.empty(); });
  }

  // The loop's coroutines end with the loop, which ends before its owner.
  static Async<void> accept(Impl& self) {
    while (!self.service_->is_draining) {
      tcp::socket socket(asio::any_io_executor(asio::make_strand(self.loop_.context())));
      tcp::endpoint peer;
      const auto [code] = co_await self.acceptor_.async_accept(socket, peer, as_values);
      if (code == asio::error::operation_aborted || self.service_->is_draining) co_return;
      if (code) {
        // Out of descriptors, for instance: those who hold them will give some back.
        log(LogLevel::warning, "server", std::format("a connection was not accepted: {}", code.message()));
        asio::steady_timer pause(co_await asio::this_coro::executor, 50ms);
        co_await pause.async_wait(as_values);
        continue;
      }
      self.welcome(std::move(socket), peer.address().to_string());
    }
  }

  void welcome(tcp::socket socket, std::string peer) {
    boost::system::error_code ignored;
    std::ignore = socket.set_option(tcp::no_delay(true), ignored);
    std::ignore = socket.set_option(asio::socket_base::keep_alive(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket), std::move(peer));
    {
      const std::lock_guard lock(mutex_);
      if (connections_.size() < service_->limits.connections) {
        connections_.insert(connection);
      } else {
        service_->refused.fetch_add(1);
        turn_away(*connection);
        return;
      }
    }
    const auto executor = connection->socket.get_executor();
    asio::co_spawn(executor, converse(service_, connection, tls_), [this, connection](const std::exception_ptr&) {
      const std::lock_guard lock(mutex_);
      connections_.erase(connection);
      if (connections_.empty()) emptied_.notify_all();
    });
  }

  /// As far as the socket takes it at once.
  void turn_away(Connection& connection) {
    if (tls_) return;
    auto response = error_response(HttpError(503, Errc::unavailable, "too many connections; come back later", {},
                                             {{.name = "Retry-After", .value = "1"}}));
    const auto bytes =
        response_head(response, {.keeps_alive = false}, std::chrono::system_clock::now()) + response.body;
    boost::system::error_code ignored;
    std::ignore = connection.socket.non_blocking(true, ignored);
    connection.socket.write_some(asio::buffer(bytes), ignored);
    std::ignore = connection.socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  static Async<void> sweep(Impl& self) {
    while (!self.is_ending_) {
      self.sweeper_.expires_after(sweep_time);
      co_await self.sweeper_.async_wait(as_values);
      const auto now = std::chrono::steady_clock::now();
      for (const auto& connection : self.due(now))
        asio::post(connection->socket.get_executor(), [connection, now] { connection->tick(now); });
    }
  }

  std::vector<std::shared_ptr<Connection>> due(std::chrono::steady_clock::time_point now) const {
    std::vector<std::shared_ptr<Connection>> out;
    const std::lock_guard lock(mutex_);
    for (const auto& connection : connections_) {
      if (connection->needs_tick(now)) out.push_back(connection);
    }
    return out;
  }

  std::shared_ptr<Service> service_;
  std::shared_ptr<asio::ssl::context> tls_;
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  ListenerLoop loop_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;  ///< End before the loop.
  tcp::acceptor acceptor_;
  asio::steady_timer sweeper_;
  std::uint16_t port_ = 0;
  std::atomic<bool> is_ending_ = false;
};

Listener::Listener(std::shared_ptr<const Routes> routes, const ListenerOptions& options,
                   std::shared_ptr<const WebSockets> sockets)
    : impl_(std::make_unique<Impl>(std::move(routes), options, std::move(sockets))) {}

Listener::~Listener() = default;

std::uint16_t Listener::port() const noexcept {
  return impl_->port();
}

ListenerState Listener::state() const {
  return impl_->state();
}

bool Listener::drain(std::chrono::milliseconds patience) {
  return impl_->drain(patience);
}

}  // namespace dspy::server
