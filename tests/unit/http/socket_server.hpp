#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/web_socket.hpp"
#include "scripted_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <format>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace dspy::test {

using ServerSocket = boost::beast::websocket::stream<boost::asio::ip::tcp::socket>;
using Upgrade = boost::beast::http::request<boost::beast::http::string_body>;

/// Takes WebSockets on 127.0.0.1, one after the other or at once, and does with each what a test wants.
class SocketServer {
 public:
  using Talk = std::function<Async<void>(ServerSocket& socket)>;

  /// A `status` other than 101 refuses what was asked for.
  explicit SocketServer(Talk talk, unsigned status = 101) : talk_(std::move(talk)), status_(status) {
    boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    thread_ = std::jthread([this] { io_.run(); });
  }
  ~SocketServer() { io_.stop(); }
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;

  std::string url(std::string_view scheme = "ws") const {
    return std::format("{}://127.0.0.1:{}/socket?x=1", scheme, acceptor_.local_endpoint().port());
  }
  Upgrade last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  /// How the last client closed; nothing while it has not.
  std::optional<boost::beast::websocket::close_reason> closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  using tcp = boost::asio::ip::tcp;

  Async<void> accept() {
    while (true) {
      auto socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      boost::asio::co_spawn(io_, serve(std::move(socket)), boost::asio::detached);
    }
  }

  Async<void> serve(tcp::socket connection) {
    boost::system::error_code problem;
    boost::beast::flat_buffer buffer;
    Upgrade request;
    co_await boost::beast::http::async_read(connection, buffer, request,
                                            boost::asio::redirect_error(boost::asio::use_awaitable, problem));
    if (problem) co_return;
    {
      const std::lock_guard lock(mutex_);
      last_ = request;
    }
    if (status_ != 101) {
      boost::beast::http::response<boost::beast::http::string_body> refusal(
          static_cast<boost::beast::http::status>(status_), 11, "no");
      refusal.set("X-Request-Id", "r-1");
      refusal.prepare_payload();
      co_await boost::beast::http::async_write(connection, refusal, boost::asio::use_awaitable);
      co_return;
    }
    ServerSocket socket(std::move(connection));
    try {
      co_await socket.async_accept(request, boost::asio::use_awaitable);
      co_await talk_(socket);
      // NOLINTNEXTLINE(bugprone-empty-catch): the client has gone, which tests look at by `closed`
    } catch (const std::exception&) {
    }
    const std::lock_guard lock(mutex_);
    closed_ = socket.reason();
  }

  Talk talk_;
  unsigned status_;
  mutable std::mutex mutex_;
  Upgrade last_;
  std::optional<boost::beast::websocket::close_reason> closed_;
  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::jthread thread_;  ///< Last: it uses the others.
};

inline Async<std::string> heard(ServerSocket& socket) {
  boost::beast::flat_buffer buffer;
  co_await socket.async_read(buffer, boost::asio::use_awaitable);
  co_return boost::beast::buffers_to_string(buffer.data());
}

inline Async<void> say(ServerSocket& socket, std::string text) {
  socket.text(true);
  co_await socket.async_write(boost::asio::buffer(text), boost::asio::use_awaitable);
}

/// Says back what it hears, until the client closes.
inline Async<void> echo(ServerSocket& socket) {
  socket.read_message_max(0);
  while (true) co_await say(socket, co_await heard(socket));
}

inline std::unique_ptr<http::WebSocket> opened(const SocketServer& server, http::SocketLimits limits = {}) {
  auto upgraded = wait(transport()->connect({.url = server.url()}, limits));
  REQUIRE(upgraded.status == 101);
  REQUIRE(upgraded.socket != nullptr);
  return std::move(upgraded.socket);
}

template <class F>
Error failure_of(F&& work) {
  const auto result = attempt(std::forward<F>(work));
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

inline Async<void> rest(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

/// Reads until the client has gone.
inline Async<void> keep_reading(ServerSocket& socket) {
  while (true) co_await heard(socket);
}

template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

}  // namespace dspy::test
