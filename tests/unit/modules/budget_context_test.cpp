#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace dspy;

namespace {

Predict<> asking(const std::shared_ptr<LM>& lm, std::optional<int> max_tokens = {}) {
  return Predict<>("question -> answer", {.lm = lm, .sampling = {.max_tokens = max_tokens}});
}

std::shared_ptr<ScriptedLM> always(std::shared_ptr<std::atomic<int>> calls) {
  return std::make_shared<ScriptedLM>([calls = std::move(calls)](const Request&) {
    ++*calls;
    return std::string("Answer: yes");
  });
}

/// How many of ten calls at once were answered.
int answered(const Predict<>& program) {
  std::vector<Async<bool>> all;
  for (int i = 0; i < 10; ++i)
    all.push_back([](Predict<> asked) -> Async<bool> {
      try {
        co_await asked.acall({{"question", "?"}});
        co_return true;
      } catch (const Error& error) {
        CHECK(error.code() == Errc::token_budget_exhausted);
        co_return false;
      }
    }(program));
  int count = 0;
  for (const bool each : wait(when_all(std::move(all)))) count += each ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("A context's budget of requests is not passed by calls at once") {
  const auto calls = std::make_shared<std::atomic<int>>(0);
  const auto budget = std::make_shared<Budget>(Budget::Limits{.requests = 3});
  CHECK(answered(with_context(asking(always(calls)), {.budget = budget})) == 3);
  CHECK(*calls == 3);
  CHECK(budget->used().requests == 3);
}

TEST_CASE("A context's budget of tokens is not passed where requests say how long a reply may be") {
  const auto calls = std::make_shared<std::atomic<int>>(0);
  const auto budget = std::make_shared<Budget>(Budget::Limits{.tokens = 2'000});
  const auto program = with_context(asking(always(calls), 900), {.budget = budget});
  answered(program);
  CHECK(*calls >= 1);
  CHECK(budget->used().total_tokens().value_or(0) <= 2'000);
  CHECK_THROWS_AS(with_context(asking(always(calls), 3'000), {.budget = budget})({{"question", "?"}}), Error);
}

TEST_CASE("A request that failed gives what it claimed back, but for one that may have been billed") {
  const auto fails = [](Errc code) {
    return std::make_shared<ScriptedLM>([code](const Request&) -> std::string { throw Error(code, "no"); });
  };
  const auto budget = std::make_shared<Budget>(Budget::Limits{.tokens = 100'000});
  const auto spent = [&](Errc code) {
    const auto program = with_context(asking(fails(code), 500), {.budget = budget});
    CHECK_THROWS_AS(program({{"question", "?"}}), Error);
    // What is left is what a request may still claim.
    std::uint64_t low = 0, high = 100'000;
    while (low < high) {
      const auto middle = (low + high + 1) / 2;
      if (attempt([&] { budget->reserve({.tokens = middle}); })) {
        budget->settle({.tokens = middle}, {});
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return 100'000 - low;
  };
  CHECK(spent(Errc::rate_limit_exceeded) == 0);
  CHECK(spent(Errc::refused) == 0);
  CHECK(spent(Errc::stream_broken) > 500);
}
