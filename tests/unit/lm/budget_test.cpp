#include "dspy/lm/budget.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/call_context.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace dspy;

TEST_CASE("A budget of requests or tokens refuses when it is used up, with what was used") {
  Budget requests({.requests = 2});
  Budget tokens({.tokens = 10});

  requests.require();
  requests.spend({.requests = 2});
  tokens.spend({.requests = 1, .prompt_tokens = 6, .completion_tokens = 3});
  tokens.require();
  tokens.spend({.requests = 1, .prompt_tokens = 6});

  const auto refused = attempt([&] { requests.require(); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::token_budget_exhausted);
  CHECK(refused.error().info().used == 2);
  CHECK(refused.error().info().limit == 2);
  CHECK_THROWS_WITH_AS(tokens.require(), "the budget of 10 tokens is used up; give the program a larger one", Error);
  CHECK(tokens.used().prompt_tokens == 12);
}

TEST_CASE("A budget within another is bounded by both and counts for both") {
  const auto outer = std::make_shared<Budget>(Budget::Limits{.requests = 3});
  const auto inner = std::make_shared<Budget>(Budget::Limits{.requests = 2});
  Budget both(outer, inner);

  both.spend({.requests = 2});

  CHECK(outer->used().requests == 2);
  CHECK_THROWS_AS(both.require(), Error);
  CHECK_NOTHROW(outer->require());
}

TEST_CASE("Of two contexts, both hold") {
  const auto now = std::chrono::steady_clock::now();
  std::stop_source first, second;
  const CallContext outer{.deadline = now, .stop = first.get_token(), .path = "rag"};
  const CallContext inner{.deadline = now + std::chrono::seconds(1), .stop = second.get_token(), .path = "answer"};

  const auto a = merged(outer, inner);
  const auto b = merged(inner, outer);

  CHECK(a.deadline == now);
  CHECK(b.deadline == now);
  CHECK(a.path == "rag.answer");
  CHECK(merged({}, inner).path == "answer");
  CHECK_FALSE(a.stop.stop_requested());
  second.request_stop();
  CHECK(a.stop.stop_requested());
  CHECK(b.stop.stop_requested());
  CHECK_FALSE(merged(outer, {}).stop.stop_requested());
  first.request_stop();
  CHECK(merged(outer, {}).stop.stop_requested());
}
