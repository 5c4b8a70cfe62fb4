#include "dspy/http/simulated_transport.hpp"

#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

Errc code_of(const std::shared_ptr<http::SimulatedTransport>& transport, const http::Request& request) {
  const auto response = attempt([&] { return wait(http::send(transport, request)); });
  REQUIRE_FALSE(response.has_value());
  return response.error().code();
}

}  // namespace

TEST_CASE("replies are given in order, in pieces, and requests are kept") {
  const auto transport = std::make_shared<http::SimulatedTransport>();
  transport->reply({.status = 201, .headers = {{"X-Id", "7"}}, .body = "héllo", .piece_bytes = 1});
  transport->reply({.body = "second"});

  auto streamed = wait(transport->open({.url = "https://api.example.com/a", .body = "question"}));
  std::vector<std::string> pieces;
  while (auto piece = wait(streamed.body->next())) pieces.push_back(*piece);

  CHECK(streamed.status == 201);
  CHECK(streamed.headers.find("x-id") == "7");
  CHECK(pieces.size() == 6);
  CHECK(wait(http::send(transport, {.url = "https://api.example.com/b"})).body == "second");
  REQUIRE(transport->requests().size() == 2);
  CHECK(transport->requests()[0].body == "question");
  CHECK(transport->requests()[1].url == "https://api.example.com/b");
  CHECK(code_of(transport, {}) == Errc::config_error);
}

TEST_CASE("delays move the clock and meet the request's limits") {
  const auto clock = std::make_shared<FakeClock>();
  const auto begun = clock->now();
  const auto transport = std::make_shared<http::SimulatedTransport>(clock);
  const http::SimulatedReply slow{.body = "abc", .piece_bytes = 1, .header_delay = 1s, .piece_delay = 2s};
  transport->serve([&](const http::Request&) { return slow; });

  CHECK(wait(http::send(transport, {})).body == "abc");
  CHECK(clock->now() - begun == 9s);

  CHECK(code_of(transport, {.timeouts = {.first_byte = 500ms}}) == Errc::timeout);
  CHECK(clock->now() - begun == 9500ms);
  CHECK(code_of(transport, {.timeouts = {.idle = 1s}}) == Errc::timeout);
  CHECK(code_of(transport, {.timeouts = {.total = 4s}}) == Errc::timeout);
  CHECK(code_of(transport, {.deadline = clock->now() + 4s}) == Errc::deadline_exceeded);
  std::stop_source stop;
  stop.request_stop();
  CHECK(code_of(transport, {.stop = stop.get_token()}) == Errc::cancelled);
}

TEST_CASE("a connection that breaks gives what came before") {
  const auto transport = std::make_shared<http::SimulatedTransport>();
  transport->reply({.body = "abcdef", .piece_bytes = 2, .breaks_after = 3});

  auto streamed = wait(transport->open({}));

  CHECK(wait(streamed.body->next()) == "ab");
  CHECK(wait(streamed.body->next()) == "c");
  CHECK_THROWS_WITH(wait(streamed.body->next()), "the simulated connection ended after 3 bytes of the body");
}

TEST_CASE("an error in place of a reply") {
  const auto transport = std::make_shared<http::SimulatedTransport>();
  transport->reply({.error = Error(Errc::unavailable, "https://api.example.com: refused")});

  CHECK(code_of(transport, {}) == Errc::unavailable);
}
