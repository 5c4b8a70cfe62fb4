#include "dspy/lm/middleware/router.hpp"

#include "dspy/lm/middleware/resilient.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<ScriptedLM> failing(Errc code) {
  return numbered([code](int) -> std::string { throw Error(code, "it cannot", {.usage = {.requests = 1}}); });
}

std::shared_ptr<ScriptedLM> saying(std::string text) {
  return numbered([text = std::move(text)](int) { return text; });
}

}  // namespace

TEST_CASE("Where one LM cannot answer, the next one does, and the reply tells so") {
  FakeClock clock;
  const auto first = failing(Errc::unavailable);
  const auto lm = router({{.lm = first}, {.lm = saying("from the second")}}, {}, {}, fake_timing(clock));

  const auto reply = wait(lm->complete(ask("Hello")));

  CHECK(reply.text() == "from the second");
  CHECK(reply.usage.requests == 2);
  REQUIRE(reply.adaptations.size() == 1);
  CHECK(reply.adaptations[0].field == "model");
  CHECK(reply.adaptations[0].reason == "it cannot");
  REQUIRE(reply.handling->attempts.size() == 2);
  CHECK(reply.handling->attempts[0].error == Errc::unavailable);
}

TEST_CASE("A bad request is bad for all, and no other LM is asked") {
  FakeClock clock;
  const auto second = saying("x");
  const auto lm = router({{.lm = failing(Errc::invalid_parameter)}, {.lm = second}}, {}, {}, fake_timing(clock));

  CHECK_THROWS_AS(wait(lm->complete(ask("Hello"))), Error);
  CHECK(count(*second) == 0);
}

TEST_CASE("Prompts that are too long, and refusals, have fallbacks of their own") {
  FakeClock clock;
  const auto general = saying("general"), large = saying("large"), other = saying("other");
  const auto with = [&](std::shared_ptr<LM> first) {
    return router({{.lm = std::move(first)},
                   {.lm = general},
                   {.lm = large, .use = Route::Use::context_too_long},
                   {.lm = other, .use = Route::Use::refused}},
                  {}, {}, fake_timing(clock));
  };
  const auto withheld = std::make_shared<ScriptedLM>([](const Request&) {
    Completion completion;
    completion.finish = FinishReason::content_filter;
    return Reply(std::move(completion), {.requests = 1, .prompt_tokens = 3, .completion_tokens = 1});
  });

  CHECK(wait(with(failing(Errc::context_too_long))->complete(ask("Hello"))).text() == "large");
  CHECK(wait(with(failing(Errc::refused))->complete(ask("Hello"))).text() == "other");
  const auto reply = wait(with(withheld)->complete(ask("Hello")));
  CHECK(reply.text() == "other");
  CHECK(reply.usage.requests == 2);
  CHECK(wait(with(failing(Errc::timeout))->complete(ask("Hello"))).text() == "general");
}

TEST_CASE("A model that declines is heard if nobody else answers") {
  FakeClock clock;
  const auto withheld = std::make_shared<ScriptedLM>([](const Request&) {
    Completion completion;
    completion.refusal = "I would rather not.";
    return Reply(std::move(completion));
  });
  const auto lm = router({{.lm = withheld}, {.lm = failing(Errc::timeout), .use = Route::Use::refused}}, {}, {},
                         fake_timing(clock));

  const auto reply = wait(lm->complete(ask("Hello")));

  CHECK(reply.completion().refusal == "I would rather not.");
  CHECK(reply.usage.requests == 2);
}

TEST_CASE("After a rate limit an LM is left out as long as it said, and used if there is no other") {
  FakeClock clock;
  Router machine({}, {{}, {}}, 1);
  std::array<bool, 2> asked = {};
  const Error limited(Errc::rate_limit_exceeded, "slow down", {.retry_after = 30s});
  const auto choose = [&] { return machine.choose(asked, nullptr, clock.now()); };

  machine.begin(0);
  machine.end(0, &limited, 1s, clock.now());
  CHECK(choose() == 1);
  asked[1] = true;
  CHECK(choose() == 0);
  asked[1] = false;
  clock.advance(31s);
  CHECK(choose() == 0);
}

TEST_CASE("Requests are shared out by weight, by latency and by cost") {
  FakeClock clock;
  std::array<bool, 2> asked = {};
  std::array<int, 2> chosen = {};
  Router weighted({.order = RouterOptions::Order::weighted}, {{.weight = 3}, {.weight = 1}}, 7);
  for (int i = 0; i < 10'000; ++i) ++chosen[*weighted.choose(asked, nullptr, clock.now())];
  CHECK(chosen[0] > 7'300);
  CHECK(chosen[0] < 7'700);

  Router latency({.order = RouterOptions::Order::least_latency}, {{}, {}}, 7);
  for (std::size_t lane = 0; lane < 2; ++lane) {
    latency.begin(lane);
    latency.end(lane, nullptr, lane == 0 ? 3s : 1s, clock.now());
  }
  CHECK(latency.choose(asked, nullptr, clock.now()) == 1);
  for (int i = 0; i < 3; ++i) latency.begin(1);
  CHECK(latency.choose(asked, nullptr, clock.now()) == 0);

  Router cost({.order = RouterOptions::Order::least_cost}, {{.cost = std::nullopt}, {.cost = 5}}, 7);
  CHECK(cost.choose(asked, nullptr, clock.now()) == 1);
}

TEST_CASE("One options struct puts everything around an LM") {
  FakeClock clock;
  const auto first = failing(Errc::unavailable);
  const auto second = saying("Paris");
  const auto lm = resilient({.primary = first,
                             .fallbacks = {second},
                             .limits = {.requests_per_minute = 600, .token_budget_limit = 20'000},
                             .cache = {.enable_cache = true, .clock = &clock},
                             .budget = {.requests = 10},
                             .timing = fake_timing(clock)});

  const auto asked = wait(lm->complete(ask("What is the capital of France?")));
  const auto again = wait(lm->complete(ask("What is the capital of France?")));

  CHECK(asked.text() == "Paris");
  CHECK(asked.usage.requests == 2);
  CHECK(again.text() == "Paris");
  CHECK(again.handling->source == ReplySource::memory);
  CHECK(again.usage.requests == 0);
  CHECK(count(*second) == 1);
}

TEST_CASE("A budget is not overshot and its error is not retried") {
  FakeClock clock;
  const auto inner = saying("yes");
  const auto lm = resilient({.primary = inner, .budget = {.requests = 3}, .timing = fake_timing(clock)});

  for (int i = 0; i < 3; ++i) wait(lm->complete(ask("Ready?")));
  const auto refused = attempt([&] { return wait(lm->complete(ask("Ready?"))); });

  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::token_budget_exhausted);
  CHECK(count(*inner) == 3);

  // Nobody knows what a scripted LM costs.
  const auto priceless = resilient({.primary = inner, .budget = {.usd = 1}, .timing = fake_timing(clock)});
  CHECK_THROWS_AS(wait(priceless->complete(ask("Ready?"))), Error);
}

TEST_CASE("Options that cannot be meant are errors before any request") {
  CHECK_THROWS_WITH_AS(resilient({}), "`primary` is missing: the LM to ask, such as dspy::lm(…)", Error);
  const auto lm = saying("x");
  CHECK_THROWS_AS(resilient({.primary = lm, .budget = {.usd = -1}}), Error);
  CHECK_THROWS_AS(resilient({.primary = lm, .budget = {.tokens = 0}}), Error);
  CHECK_THROWS_AS(resilient({.primary = lm, .cache = {.cache_ttl_secs = -1}}), Error);
  CHECK_THROWS_AS(router({}), Error);
  CHECK_THROWS_AS(router({{.lm = lm, .use = Route::Use::refused}}), Error);
}
