#include "dspy/server/web_socket.hpp"

#include "dspy/base/tasks.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/routes.hpp"
#include "server/listener/socket_times.hpp"
#include "support/raw_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;
using dspy::test::RawClient;

namespace {

constexpr auto opening =
    "GET /talk HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Says back what it is told, a second and a half later.
Async<void> converse(HttpRequest request, WebSocket& socket) {
  while (auto text = co_await socket.read()) {
    co_await dspy::sleep(1500ms, request.stop);
    co_await socket.write(*text);
  }
}

Listener listener(ListenerLimits limits) {
  auto options = listen_at("127.0.0.1:0");
  options.limits = limits;
  options.threads = 1;
  auto sockets = std::make_shared<WebSockets>();
  sockets->emplace("/talk", WebSocketRoute{.handler = converse});
  return {std::make_shared<Routes>(), options, sockets};
}

/// A text frame of a client, masked with zeros.
std::string frame(const std::string& text) {
  return std::string("\x81") + static_cast<char>(0x80U | text.size()) + std::string(4, '\0') + text;
}

}  // namespace

TEST_CASE("a WebSocket that nobody says anything on is closed, with the reason") {
  const auto server = listener({.socket_idle_time = 1s, .socket_time = 0ms});
  RawClient client(server.port());
  client.send(opening);
  client.read("\r\n\r\n");
  client.send(frame("hello"));
  const auto said = client.read("nothing was said for 1 s");
  CHECK(said.starts_with("\x81\x05hello"));  // though its answer took longer than silence may
  CHECK(said.contains(std::string("\x88\x1a\x03\xe9", 4) + "nothing was said for 1 s"));
}

TEST_CASE("a WebSocket lasts so long at all, and what it asked for is stopped") {
  const auto server = listener({.socket_idle_time = 0ms, .socket_time = 1s});
  RawClient client(server.port());
  client.send(opening);
  client.read("\r\n\r\n");
  client.send(frame("hello"));
  const auto said = client.read("open another one");
  CHECK(said.starts_with("\x88"));
  CHECK(said.ends_with("a connection lasts 1 s here; open another one"));
}

TEST_CASE("the times of a WebSocket") {
  const SocketTimes::Time begin;
  SocketTimes times({.socket_idle_time = 10s, .socket_time = 60s}, begin);
  CHECK(times.over(begin + 9s).empty());
  CHECK(times.over(begin + 10s) == "nothing was said for 10 s");
  times.set_working(true, begin + 9s);
  CHECK(times.over(begin + 59s).empty());
  CHECK(times.over(begin + 60s) == "a connection lasts 60 s here; open another one");
  times.set_working(false, begin + 20s);
  times.note(begin + 25s);
  CHECK(times.over(begin + 34s).empty());
  CHECK(!times.over(begin + 35s).empty());
  CHECK(SocketTimes({.socket_idle_time = 0ms, .socket_time = 0ms}, begin).over(begin + 1000h).empty());
}
