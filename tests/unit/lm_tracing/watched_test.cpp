#include "dspy/lm/tracing/watched.hpp"

#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace dspy;
using namespace std::chrono_literals;

TEST_CASE("A cache, a budget, a breaker and an exporter are gauges that are asked when they are read") {
  Metrics metrics;
  const auto cache = std::make_shared<Cache>(CacheOptions{.enable_cache = true});
  const auto budget = std::make_shared<Budget>(Budget::Limits{.requests = 10});
  const auto breaker = std::make_shared<Breaker>(BreakerOptions{.min_calls = 1, .open_for = 10s});
  FakeClock clock;
  watch_cache(metrics, cache, "replies");
  watch_budget(metrics, budget, "day");
  watch_breaker(metrics, breaker, "m", clock);
  watch_exporter(metrics,
                 std::make_shared<OtlpTrace>(OtlpOptions{.send = [](std::string_view) { return OtlpSent::ok; }}));
  CHECK(metrics.text().contains("dspy_lm_cache_entries{cache=\"replies\",tier=\"memory\"} 0\n"));
  CHECK(metrics.text().contains("dspy_lm_breaker_state{model=\"m\"} 0\n"));
  CHECK(metrics.text().contains("dspy_dropped_spans 0\n"));

  const auto lm = cached(cache)(std::make_shared<ScriptedLM>(std::deque<std::string>{"x"}));
  const Request request{.messages = {Message(Role::user, "Hello")}};
  for (int i = 0; i < 3; ++i) wait(lm->complete(request));
  budget->reserve({.requests = 1});
  budget->settle({.requests = 1},
                 {.requests = 1, .prompt_tokens = 3, .completion_tokens = 4, .cost_nanodollars = 500'000'000});
  Ticket ticket;
  breaker->admit(request, clock.now(), ticket);
  const Error gone(Errc::unavailable, "gone");
  breaker->settle(ticket, {.was_sent = true, .error = &gone, .now = clock.now()});

  const auto text = metrics.text();
  CAPTURE(text);
  CHECK(text.contains("dspy_lm_cache_entries{cache=\"replies\",tier=\"memory\"} 1\n"));
  CHECK(text.contains("dspy_lm_cache_hits{cache=\"replies\",tier=\"memory\"} 2\n"));
  CHECK(text.contains("dspy_lm_budget_used_requests{budget=\"day\"} 1\n"));
  CHECK(text.contains("dspy_lm_budget_used_tokens{budget=\"day\"} 7\n"));
  CHECK(text.contains("dspy_lm_budget_used_usd{budget=\"day\"} 0.5\n"));
  CHECK(text.contains("dspy_lm_breaker_state{model=\"m\"} 2\n"));
  clock.advance(20s);
  CHECK(metrics.text().contains("dspy_lm_breaker_state{model=\"m\"} 1\n"));
}
