#include "dspy/http/web_socket.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "scripted_server.hpp"
#include "socket_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace websocket = boost::beast::websocket;

TEST_CASE("a WebSocket carries text both ways") {
  const SocketServer server(echo);
  const auto socket = opened(server);

  for (const std::string text : {"one", "", "größer", "three"}) {
    wait(socket->send(text));
    CHECK(wait(socket->next()) == text);
  }
  wait(socket->send("a"));
  wait(socket->send("b"));
  CHECK(wait(socket->next()) == "a");
  CHECK(wait(socket->next()) == "b");
  CHECK(socket->is_open());
}

TEST_CASE("messages of every length arrive whole, both ways") {
  const SocketServer server(echo);
  const auto socket = opened(server);

  for (const std::size_t size : {125u, 126u, 127u, 65'535u, 65'536u, 100'000u, 3'000'000u}) {
    CAPTURE(size);
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; i += 7) text[i] = static_cast<char>('a' + i % 23);
    wait(socket->send(text));
    const auto back = wait(socket->next());
    REQUIRE(back.has_value());
    CHECK(*back == text);
  }
}

TEST_CASE("the wish for a WebSocket carries headers and credentials, and any scheme will do") {
  for (const auto* const scheme : {"ws", "http", "WS"}) {
    CAPTURE(scheme);
    const SocketServer server(echo);
    auto upgraded = wait(transport()->connect(
        {.url = server.url(scheme),
         .headers = {{"OpenAI-Beta", "responses_websockets=1"}},
         .credentials = {{.header = "Authorization", .prefix = "Bearer ", .value = Secret("sk-1")}}}));

    REQUIRE(upgraded.status == 101);
    CHECK(upgraded.headers.find("upgrade") == "websocket");
    const auto request = server.last();
    CHECK(request.target() == "/socket?x=1");
    CHECK(request["Authorization"] == "Bearer sk-1");
    CHECK(request["OpenAI-Beta"] == "responses_websockets=1");
    CHECK(std::string(request["User-Agent"]).starts_with("dspy-cpp/"));
    CHECK_FALSE(request.count("Content-Type"));
    wait(upgraded.socket->send("x"));
    CHECK(wait(upgraded.socket->next()) == "x");
  }
}

TEST_CASE("a server that does not open a WebSocket answers with its status") {
  for (const unsigned status : {401u, 404u, 302u, 500u, 200u}) {
    CAPTURE(status);
    const SocketServer server(echo, status);
    const auto upgraded = wait(transport()->connect({.url = server.url()}));
    CHECK(upgraded.status == static_cast<int>(status));
    CHECK(upgraded.socket == nullptr);
    CHECK(upgraded.headers.find("x-request-id") == "r-1");
  }
}

TEST_CASE("a WebSocket that cannot be opened is an error with a remedy") {
  const auto nobody =
      failure_of([&] { return wait(transport()->connect({.url = std::format("ws://127.0.0.1:{}/", free_port())})); });
  CHECK(nobody.code() == Errc::unavailable);
  CHECK(std::string(nobody.what()).contains("check that the server is running"));
  CHECK(failure_of([&] { return wait(transport()->connect({.url = "ftp://example.org/"})); }).code() ==
        Errc::invalid_parameter);

  const auto in_clear = failure_of([&] {
    return wait(transport()->connect({.url = "ws://8.8.8.8:1/",
                                      .credentials = {{.header = "Authorization", .value = Secret("sk-1")}},
                                      .timeouts = {.connect = 1ms}}));
  });
  CHECK((in_clear.code() == Errc::timeout || in_clear.code() == Errc::unavailable ||
         in_clear.code() == Errc::invalid_parameter));
  CHECK_FALSE(std::string(in_clear.what()).contains("sk-1"));

  mock::Delivery never{.hangs = true};
  Scripted silent({.delivery = never});
  const auto late =
      failure_of([&] { return wait(transport()->connect({.url = silent.url(), .timeouts = {.first_byte = 50ms}})); });
  CHECK(late.code() == Errc::timeout);
}

TEST_CASE("only public addresses may be asked for, of WebSockets too") {
  const SocketServer server(echo);
  const auto guarded = http::curl_transport({.only_public_addresses = true});
  const auto refused = failure_of([&] { return wait(guarded->connect({.url = server.url()})); });
  CHECK(refused.code() == Errc::invalid_parameter);
}

TEST_CASE("the server's close is told with its code and reason, after what came before it") {
  const SocketServer server([](ServerSocket& socket) -> Async<void> {
    co_await say(socket, "last words");
    co_await socket.async_close(websocket::close_reason(websocket::close_code(4000), "enough"),
                                boost::asio::use_awaitable);
  });
  const auto socket = opened(server);

  CHECK(wait(socket->next()) == "last words");
  CHECK_FALSE(wait(socket->next()).has_value());
  CHECK(socket->closed() == http::SocketClose{.code = 4000, .reason = "enough"});
  CHECK_FALSE(socket->is_open());
  CHECK_FALSE(wait(socket->next()).has_value());
  const auto after = failure_of([&] { wait(socket->send("too late")); });
  CHECK(after.code() == Errc::stream_broken);
  CHECK(std::string(after.what()).contains("open another one"));
}

TEST_CASE("a close without a code is told as 1005") {
  const SocketServer server([](ServerSocket& socket) -> Async<void> {
    co_await socket.async_close(websocket::close_reason(websocket::close_code::none), boost::asio::use_awaitable);
  });
  const auto socket = opened(server);
  CHECK_FALSE(wait(socket->next()).has_value());
  CHECK(socket->closed() == http::SocketClose{.code = 1005});
}

TEST_CASE("the client's close reaches the server with code and reason") {
  const SocketServer server(echo);
  const auto socket = opened(server);
  wait(socket->send("x"));

  wait(socket->close({.code = 4001, .reason = "done"}));

  CHECK_FALSE(socket->is_open());
  REQUIRE(comes_true([&] { return server.closed().has_value(); }));
  CHECK(server.closed()->code == 4001);
  CHECK(std::string_view(server.closed()->reason) == "done");
}

TEST_CASE("a reason that is too long for a close is cut between characters") {
  const SocketServer server(echo);
  const auto socket = opened(server);
  std::string reason = "x";
  for (int i = 0; i < 100; ++i) reason += "ö";

  wait(socket->close({.code = 1000, .reason = reason}));

  REQUIRE(comes_true([&] { return server.closed().has_value(); }));
  CHECK(std::string_view(server.closed()->reason) == reason.substr(0, 123));
}

TEST_CASE("a socket that is let go of is closed as one whose client goes away") {
  const SocketServer server(keep_reading);
  opened(server).reset();
  REQUIRE(comes_true([&] { return server.closed().has_value(); }));
  CHECK(server.closed()->code == 1001);
}

TEST_CASE("two hundred sockets at once, each with its own answers") {
  const SocketServer server(echo);
  std::vector<Async<bool>> talks;
  for (int i = 0; i < 200; ++i) {
    talks.push_back([](std::string url, int number) -> Async<bool> {
      auto upgraded = co_await transport()->connect({.url = std::move(url)});
      for (int turn = 0; turn < 5; ++turn) {
        const auto text = std::format("{} {}", number, turn);
        co_await upgraded.socket->send(text);
        if (co_await upgraded.socket->next() != text) co_return false;
      }
      co_await upgraded.socket->close();
      co_return true;
    }(server.url(), i));
  }
  const auto fine = wait(when_all(std::move(talks)));
  CHECK(fine.size() == 200);
  CHECK(std::ranges::all_of(fine, [](bool each) { return each; }));
}

TEST_CASE("a socket outlives its transport") {
  const SocketServer server(echo);
  auto own = http::curl_transport();
  auto upgraded = wait(own->connect({.url = server.url()}));
  own.reset();
  wait(upgraded.socket->send("x"));
  CHECK(wait(upgraded.socket->next()) == "x");
}

TEST_CASE("text that is not UTF-8 is not sent") {
  const SocketServer server(echo);
  const auto socket = opened(server);
  CHECK(failure_of([&] { wait(socket->send("\xff")); }).code() == Errc::invalid_parameter);
  wait(socket->send("x"));
  CHECK(wait(socket->next()) == "x");
}
