#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/simulated_transport.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

struct Simulated {
  std::shared_ptr<FakeClock> clock = std::make_shared<FakeClock>();
  std::shared_ptr<http::SimulatedTransport> transport = std::make_shared<http::SimulatedTransport>(clock);

  std::unique_ptr<http::WebSocket> opened(http::SimulatedSocket socket) const {
    transport->accept(std::move(socket));
    auto upgraded = wait(transport->connect({.url = "wss://example.org/"}));
    REQUIRE(upgraded.socket != nullptr);
    return std::move(upgraded.socket);
  }
};

std::vector<std::string> twice(std::string_view message) {
  return {std::string(message), std::string(message)};
}

Errc code_of(const auto& work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  return result.error().code();
}

}  // namespace

TEST_CASE("a simulated socket answers as scripted, and keeps what it was sent") {
  const Simulated simulated;
  const auto socket = simulated.opened({.answer = twice});

  wait(socket->send("a"));
  wait(socket->send("b"));

  for (const auto* const expected : {"a", "a", "b", "b"}) CHECK(wait(socket->next()) == expected);
  CHECK(simulated.transport->messages() == std::vector<std::string>{"a", "b"});
  CHECK(simulated.transport->requests().at(0).url == "wss://example.org/");
}

TEST_CASE("a simulated socket can be refused, fail, close and break") {
  const Simulated simulated;
  simulated.transport->accept({.status = 401, .headers = {{"X-Id", "1"}}});
  const auto refused = wait(simulated.transport->connect({.url = "wss://example.org/"}));
  CHECK(refused.status == 401);
  CHECK(refused.socket == nullptr);
  simulated.transport->accept({.error = Error(Errc::unavailable, "no")});
  CHECK(code_of([&] { return wait(simulated.transport->connect({})); }) == Errc::unavailable);
  CHECK(code_of([&] { return wait(simulated.transport->connect({})); }) == Errc::config_error);

  const auto closing = simulated.opened({.answer = twice, .ends_after = 1, .close = http::SocketClose{.code = 1012}});
  wait(closing->send("a"));
  CHECK(wait(closing->next()) == "a");
  CHECK_FALSE(wait(closing->next()).has_value());
  CHECK(closing->closed()->code == 1012);
  CHECK(code_of([&] { wait(closing->send("b")); }) == Errc::stream_broken);

  const auto breaking = simulated.opened({.answer = twice, .ends_after = 1});
  wait(breaking->send("a"));
  CHECK(wait(breaking->next()) == "a");
  CHECK(code_of([&] { return wait(breaking->next()); }) == Errc::stream_broken);
  CHECK_FALSE(breaking->is_open());
}

TEST_CASE("a simulated socket's times pass by the clock alone") {
  const Simulated simulated;
  const auto begun = simulated.clock->now();
  const auto socket = simulated.opened({.answer = twice, .header_delay = 2s, .message_delay = 3s});
  CHECK(simulated.clock->now() - begun == 2s);
  wait(socket->send("a"));
  CHECK(wait(socket->next({.idle = 4s})) == "a");
  CHECK(simulated.clock->now() - begun == 5s);
  CHECK(code_of([&] { return wait(socket->next({.idle = 1s})); }) == Errc::timeout);

  const auto silent = simulated.opened({});
  CHECK(code_of([&] { return wait(silent->next({.deadline = simulated.clock->now() + 1s})); }) ==
        Errc::deadline_exceeded);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = simulated.opened({.answer = twice});
  CHECK(code_of([&] { wait(stopped->send("a", {.stop = stop.get_token()})); }) == Errc::cancelled);
}
