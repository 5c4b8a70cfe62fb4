#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/web_socket.hpp"
#include "scripted_server.hpp"
#include "socket_server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace websocket = boost::beast::websocket;

namespace {

/// What a server that does `talk` is found to have broken, by a client that reads once.
Error broken_by(SocketServer::Talk talk, http::SocketLimits limits = {}) {
  const SocketServer server(std::move(talk));
  const auto socket = opened(server, limits);
  return failure_of([&] { return wait(socket->next({.idle = 5s})); });
}

}  // namespace

TEST_CASE("pings are answered, also while nobody reads") {
  std::atomic<int> pongs = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): the server keeps it as long as it runs
  const SocketServer server([&](ServerSocket& socket) -> Async<void> {
    socket.control_callback([&](websocket::frame_type kind, std::string_view payload) {
      if (kind == websocket::frame_type::pong && payload == "p") ++pongs;
    });
    for (int i = 0; i < 3; ++i) co_await socket.async_ping("p", boost::asio::use_awaitable);
    co_await keep_reading(socket);
  });
  const auto socket = opened(server);
  // Of several pings that came together, the last may be answered alone (RFC 6455, section 5.5.3).
  CHECK(comes_true([&] { return pongs >= 1; }));
}

TEST_CASE("a silent server is asked for a sign of life, and is gone without one") {
  std::atomic<int> pings = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): the server keeps it as long as it runs
  const SocketServer alive([&](ServerSocket& socket) -> Async<void> {
    socket.control_callback([&](websocket::frame_type kind, std::string_view) {
      if (kind == websocket::frame_type::ping) ++pings;
    });
    co_await keep_reading(socket);
  });
  const auto socket = opened(alive, {.ping_after = 200ms});
  CHECK(comes_true([&] { return pings >= 3; }));
  CHECK(socket->is_open());

  const SocketServer dead([](ServerSocket&) -> Async<void> { co_await rest(10s); });
  const auto lost = opened(dead, {.ping_after = 20ms});
  const auto failure = failure_of([&] { return wait(lost->next({.idle = 5s})); });
  CHECK(failure.code() == Errc::timeout);
  CHECK(std::string(failure.what()).contains("no sign of life"));
}

TEST_CASE("fragments are put together") {
  const SocketServer server([](ServerSocket& socket) -> Async<void> {
    socket.text(true);
    for (const std::string piece : {"one ", "two ", "thr"})
      co_await socket.async_write_some(false, boost::asio::buffer(piece), boost::asio::use_awaitable);
    co_await socket.async_ping("in between", boost::asio::use_awaitable);
    const std::string last = "ee";
    co_await socket.async_write_some(true, boost::asio::buffer(last), boost::asio::use_awaitable);
    co_await say(socket, "next");
    co_await keep_reading(socket);
  });
  const auto socket = opened(server);
  CHECK(wait(socket->next()) == "one two three");
  CHECK(wait(socket->next()) == "next");
}

TEST_CASE("what is not a text message within the limits closes the socket with the code for it") {
  const auto binary = broken_by([](ServerSocket& socket) -> Async<void> {
    socket.binary(true);
    const std::string bytes = "\x01\x02";
    co_await socket.async_write(boost::asio::buffer(bytes), boost::asio::use_awaitable);
    co_await keep_reading(socket);
  });
  CHECK(binary.code() == Errc::stream_broken);
  CHECK(std::string(binary.what()).contains("1003"));

  const auto garbled = broken_by([](ServerSocket& socket) -> Async<void> {
    co_await say(socket, "\xff\xfe");
    co_await keep_reading(socket);
  });
  CHECK(std::string(garbled.what()).contains("1007"));

  const auto too_long = broken_by(
      [](ServerSocket& socket) -> Async<void> {
        co_await say(socket, std::string(1001, 'x'));
        co_await keep_reading(socket);
      },
      {.message_bytes = 1000});
  CHECK(std::string(too_long.what()).contains("1009"));

  const SocketServer server([](ServerSocket& socket) -> Async<void> {
    co_await say(socket, std::string(1001, 'x'));
    co_await keep_reading(socket);
  });
  const auto socket = opened(server, {.message_bytes = 1000});
  CHECK(comes_true([&] { return server.closed().has_value(); }));
  CHECK(server.closed()->code == 1009);
}

TEST_CASE("a connection that ends without a close is broken, after what came before") {
  const SocketServer server([](ServerSocket& socket) -> Async<void> {
    co_await say(socket, "half");
    socket.next_layer().close();
  });
  const auto socket = opened(server);
  CHECK(wait(socket->next()) == "half");
  const auto broken = failure_of([&] { return wait(socket->next()); });
  CHECK(broken.code() == Errc::stream_broken);
  CHECK(std::string(broken.what()).contains("without a close"));
  CHECK_FALSE(socket->closed().has_value());
}

TEST_CASE("a socket keeps idle times and deadlines") {
  const SocketServer server(keep_reading);
  {
    const auto socket = opened(server);
    const auto idle = failure_of([&] { return wait(socket->next({.idle = 30ms})); });
    CHECK(idle.code() == Errc::timeout);
    CHECK(std::string(idle.what()).contains("no message came"));
    CHECK_FALSE(socket->is_open());
  }
  const auto socket = opened(server);
  const auto late =
      failure_of([&] { return wait(socket->next({.deadline = std::chrono::steady_clock::now() + 30ms})); });
  CHECK(late.code() == Errc::deadline_exceeded);
}

TEST_CASE("a deadline of one operation does not hold for the next") {
  const SocketServer server(echo);
  const auto socket = opened(server);
  for (int i = 0; i < 3; ++i) {
    wait(socket->send("x", {.deadline = std::chrono::steady_clock::now() + 1s}));
    CHECK(wait(socket->next({.deadline = std::chrono::steady_clock::now() + 1s})) == "x");
  }
  std::this_thread::sleep_for(1100ms);
  CHECK(socket->is_open());
  wait(socket->send("y"));
  CHECK(wait(socket->next()) == "y");
}

TEST_CASE("a socket can be stopped from another thread, while opening and while reading") {
  const SocketServer server(keep_reading);
  const auto socket = opened(server);
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });
  CHECK(failure_of([&] { return wait(socket->next({.stop = stop.get_token()})); }).code() == Errc::cancelled);
  CHECK_FALSE(socket->is_open());
  CHECK(failure_of([&] {
          return wait(transport()->connect({.url = server.url(), .stop = stop.get_token()}));
        }).code() == Errc::cancelled);
}

TEST_CASE("a reader that is behind holds the server back") {
  constexpr int messages = 10'000;  // 100 MB are more than the system's buffers and the socket's own hold
  std::atomic<int> said = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): the server keeps it as long as it runs
  const SocketServer server([&](ServerSocket& socket) -> Async<void> {
    for (int i = 0; i < messages; ++i) {
      co_await say(socket, std::string(10'000, 'x'));
      if (++said % 20 == 0) co_await rest(1ms);  // libcurl itself reads on while a server never pauses
    }
    co_await keep_reading(socket);
  });
  const auto socket = opened(server);
  int before = -1;
  for (int i = 0; i < 100 && std::exchange(before, said) != said; ++i) std::this_thread::sleep_for(200ms);
  CHECK(before < messages);
  for (int i = 0; i < messages; ++i) {
    const auto message = wait(socket->next());
    REQUIRE(message.has_value());
    REQUIRE(message->size() == 10'000);
  }
  CHECK(said == messages);
}

TEST_CASE("a sender waits for a server that does not read") {
  const SocketServer server([](ServerSocket& socket) -> Async<void> {
    co_await rest(300ms);
    std::size_t bytes = 0;
    for (int i = 0; i < 20; ++i) bytes += (co_await heard(socket)).size();
    co_await say(socket, std::to_string(bytes));
  });
  const auto socket = opened(server, {.waiting_bytes = 100'000});
  const std::string text(1'000'000, 'x');
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) wait(socket->send(text));
  CHECK(std::chrono::steady_clock::now() - begun >= 100ms);  // 20 MB are more than buffers hold
  CHECK(wait(socket->next()) == "20000000");
}

TEST_CASE("a deadline holds for a send that waits") {
  const SocketServer server([](ServerSocket&) -> Async<void> { co_await rest(10s); });
  const auto socket = opened(server, {.waiting_bytes = 0});
  const auto late = failure_of([&] {
    for (int i = 0; i < 20; ++i)
      wait(socket->send(std::string(1'000'000, 'x'), {.deadline = std::chrono::steady_clock::now() + 100ms}));
  });
  CHECK(late.code() == Errc::deadline_exceeded);
}
