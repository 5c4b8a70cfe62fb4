#include "dspy/lm/prices.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/budget.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace dspy;

TEST_CASE("A reply's cost is exact to a billionth of a dollar") {
  const auto price = PriceTable::builtin().find("openai/gpt-5.4-mini");
  REQUIRE(price.has_value());

  // 812 at 0.75, 188 of them at 0.075, and 57 at 4.5 dollars for a million.
  CHECK(cost(*price, {.requests = 1, .prompt_tokens = 812, .completion_tokens = 57, .cache_read_tokens = 188}) ==
        (624 * 750 + 188 * 75 + 57 * 4'500));
  CHECK(cost(*price, {.requests = 1, .prompt_tokens = 0, .completion_tokens = 0}) == 0);
  // 2.8 billionths a token: half a billionth and more counts as one.
  const Price tiny{.prompt = 2'800'000, .completion = 0};
  CHECK(cost(tiny, {.prompt_tokens = 1, .completion_tokens = 0}) == 3);
  CHECK(cost(tiny, {.prompt_tokens = 3, .completion_tokens = 0}) == 8);
}

TEST_CASE("A cost that cannot be known is absent, and not zero") {
  const auto& table = PriceTable::builtin();
  const auto price = *table.find("gpt-5.4-mini");

  CHECK_FALSE(cost(price, {.requests = 1, .prompt_tokens = 5}).has_value());
  CHECK_FALSE(cost(price, {.requests = 1}).has_value());
  CHECK_FALSE(cost(price, {.prompt_tokens = 5, .completion_tokens = 5, .audio_prompt_tokens = 2}).has_value());
  CHECK_FALSE(cost(price, {.prompt_tokens = 5, .completion_tokens = 5, .cache_write_tokens = 2}).has_value());
  CHECK_FALSE(cost(price, {.prompt_tokens = 5, .completion_tokens = 5, .cache_read_tokens = 6}).has_value());
  CHECK_FALSE(cost(*table.find("gemini-2.5-pro"), {.prompt_tokens = 200'001, .completion_tokens = 5}).has_value());
  CHECK_FALSE(table.find("a-model-nobody-knows").has_value());
  CHECK_FALSE(table.find("hosted_vllm/gpt-5").has_value());
  CHECK_FALSE(table.find("openrouter/openai/gpt-4o").has_value());
}

TEST_CASE("A model is found with its provider and its day") {
  const auto& table = PriceTable::builtin();

  CHECK(table.find("gpt-4o-2024-08-06") == table.find("gpt-4o"));
  CHECK(table.find("anthropic/claude-sonnet-4-5-20250929") == table.find("claude-sonnet-4-5"));
  CHECK(table.date() == "2026-08-06");
  CHECK(table.size() > 50);
  for (const auto& [model, price] : table.prices()) {
    CAPTURE(model);
    CHECK(price.prompt > 0);
    CHECK(price.completion >= price.prompt);
    if (price.cache_read) CHECK(*price.cache_read < *price.prompt);
  }
}

TEST_CASE("A file of prices stands above the table, and says what is wrong with it") {
  const auto own = PriceTable::from_json(
      parse_json(
          R"({"date": "2026-11-29", "models": {"mine": {"prompt": 1.5, "completion": 2}, "gpt-4o": {"prompt": 9}}})")
          ->get_object());
  const auto table = PriceTable::builtin().with(own);

  CHECK(table.date() == "2026-11-29");
  CHECK(table.find("mine")->prompt == 1'500'000'000);
  CHECK(table.find("gpt-4o")->prompt == 9'000'000'000);
  CHECK_FALSE(cost(*table.find("gpt-4o"), {.prompt_tokens = 1, .completion_tokens = 1}).has_value());
  CHECK(table.find("gpt-5").has_value());
  for (const std::string bad :
       {R"({"models": {}})", R"({"models": {"m": {"prompt": -1}}})", R"({"models": {"m": {"prompt": "1"}}})",
        R"({"models": {"m": {"input": 1}}})", R"({"models": {"m": 5}})", R"({"date": 5, "models": {"m": {}}})",
        R"({"models": {"m": {"up_to_prompt_tokens": 1.5}}})", R"({"model": {}})"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(PriceTable::from_json(parse_json(bad)->get_object()), Error);
  }
}

TEST_CASE("A sum of money is known only if all of it is") {
  Usage sum;
  sum += {.requests = 1, .cost_nanodollars = 5};
  sum += {.requests = 0, .cost_nanodollars = 0};
  CHECK(sum.cost_nanodollars == 5);
  sum += {.requests = 1, .cost_nanodollars = 7};
  CHECK(sum.cost_nanodollars == 12);
  sum += {.requests = 1};
  CHECK_FALSE(sum.cost_nanodollars.has_value());
  sum += {.requests = 1, .cost_nanodollars = 7};
  CHECK_FALSE(sum.cost_nanodollars.has_value());
  CHECK(usage_from_json(to_json(Usage{.requests = 1, .cost_nanodollars = 12})).cost_nanodollars == 12);
}

TEST_CASE("A budget sets aside what a request may take, and counts what it took") {
  Budget budget({.requests = 10, .tokens = 1'000, .nanodollars = 500});
  const Budget::Claim claim{.tokens = 600, .nanodollars = 300};

  budget.reserve(claim);
  const auto refused = attempt([&] { budget.reserve(claim); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::token_budget_exhausted);
  CHECK(refused.error().info().limit == 1'000);
  budget.settle(claim, {.requests = 1, .prompt_tokens = 50, .completion_tokens = 50, .cost_nanodollars = 20});
  budget.reserve(claim);
  // Who does not tell what it took, took what it claimed.
  budget.settle(claim, {.requests = 1});
  CHECK_THROWS_AS(budget.reserve(claim), Error);
  CHECK_NOTHROW(budget.reserve({.tokens = 300, .nanodollars = 180}));
  CHECK_THROWS_AS(budget.reserve({.tokens = 1}), Error);  // of unknown price
}

TEST_CASE("A day's budget begins anew at midnight") {
  FakeClock clock;
  Budget budget({.requests = 1, .per_day = true}, clock);

  budget.spend({.requests = 1});
  CHECK_THROWS_AS(budget.require(), Error);
  clock.advance(std::chrono::hours(24));
  CHECK_NOTHROW(budget.require());
}

TEST_CASE("Of two budgets, both are reserved or none") {
  const auto large = std::make_shared<Budget>(Budget::Limits{.requests = 5});
  const auto small = std::make_shared<Budget>(Budget::Limits{.requests = 1});
  Budget both(large, small);

  both.reserve({});
  CHECK_THROWS_AS(both.reserve({}), Error);
  for (int i = 0; i < 4; ++i) large->reserve({});
  CHECK_THROWS_AS(large->reserve({}), Error);
}
