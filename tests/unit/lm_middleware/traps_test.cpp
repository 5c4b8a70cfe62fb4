// What goes wrong in what stands around an LM.  docs/traps.md lists all traps.

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/middleware/breaker.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/guarded.hpp"
#include "dspy/lm/middleware/rate_limit.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "dspy/lm/middleware/retry.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

void settle(Breaker& breaker, const Ticket& ticket, Clock::Time now, std::optional<Errc> code) {
  const Reply reply(Completion{.text = "fine"});
  const Error error(code.value_or(Errc::cancelled), "it failed");
  breaker.settle(ticket,
                 {.was_sent = true, .reply = code ? nullptr : &reply, .error = code ? &error : nullptr, .now = now});
}

/// Opens it by two failures; it may be tried again after 12 seconds.
void open(Breaker& breaker, Clock::Time now) {
  for (int i = 0; i < 2; ++i) {
    Ticket ticket;
    breaker.admit({}, now, ticket);
    settle(breaker, ticket, now, Errc::unavailable);
  }
  REQUIRE(breaker.state(now) == Breaker::State::open);
}

const BreakerOptions quick{.min_calls = 2, .open_for = 10s, .probes = 1, .probe_lease = 20s};

/// The time of day jumps; what has passed does not.
class JumpingClock final : public Clock {
 public:
  Time now() const override { return steady_.now(); }
  std::chrono::system_clock::time_point wall() const override { return steady_.wall() + jump; }

  FakeClock steady_;
  std::chrono::hours jump{0};
};

/// Says a name and an address, and counts.
class NamedLM : public LM {
 public:
  explicit NamedLM(std::string address) : address_(std::move(address)) {}

  std::string_view model() const noexcept override { return "m"; }
  std::string fingerprint() const override { return "compatible:" + address_ + ":m"; }
  Async<Reply> complete(Request) override { return answer(calls, address_); }

  const std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);

 private:
  static Async<Reply> answer(std::shared_ptr<std::atomic<int>> calls, std::string text) {
    ++*calls;
    co_return Reply(Completion{.text = std::move(text)}, {.requests = 1});
  }

  std::string address_;
};

/// Takes 400 ms, and is down.
class DownLM final : public LM {
 public:
  explicit DownLM(FakeClock& clock) : clock_(clock) {}

  std::string_view model() const noexcept override { return "down"; }
  Async<Reply> complete(Request request) override {
    deadlines.push_back(request.deadline);
    clock_.advance(400ms);
    throw Error(Errc::unavailable, "down");
  }

  std::vector<std::optional<Clock::Time>> deadlines;

 private:
  FakeClock& clock_;
};

Reply told(std::int64_t remaining, std::int64_t reset_ms) {
  Reply reply(Completion{.text = "fine"}, {.requests = 1, .prompt_tokens = 1, .completion_tokens = 1});
  const JsonObject limit{{"limit", 60}, {"remaining", remaining}, {"per", "minute"}, {"reset_ms", reset_ms}};
  reply.provider_data = JsonObject{{"rate_limits", JsonObject{{"requests", limit}, {"tokens", limit}}}};
  return reply;
}

}  // namespace

TEST_CASE("Trap 20: a probe that never comes back does not keep a breaker half open") {
  FakeClock clock;
  Breaker breaker(quick);
  open(breaker, clock.now());
  clock.advance(12s);
  Ticket lost, next;
  breaker.admit({}, clock.now(), lost);
  CHECK_THROWS_AS(breaker.admit({}, clock.now(), next), Error);
  clock.advance(21s);
  breaker.admit({}, clock.now(), next);
  settle(breaker, next, clock.now(), {});
  CHECK(breaker.state(clock.now()) == Breaker::State::closed);
}

TEST_CASE("Trap 21: a late success of before the trip does not close the breaker") {
  FakeClock clock;
  Breaker breaker(quick);
  Ticket early;
  breaker.admit({}, clock.now(), early);
  open(breaker, clock.now());
  settle(breaker, early, clock.now(), {});
  CHECK(breaker.state(clock.now()) == Breaker::State::open);
  clock.advance(12s);
  Ticket probe;
  breaker.admit({}, clock.now(), probe);
  settle(breaker, early, clock.now(), {});
  CHECK(breaker.state(clock.now()) == Breaker::State::half_open);
}

TEST_CASE("Trap 22: all retries of a call share its deadline") {
  FakeClock clock;
  const auto inner = std::make_shared<DownLM>(clock);
  const auto lm =
      retrying({.max_retries = 50, .initial_backoff_ms = 100, .retry_floor = 100}, fake_timing(clock))(inner);
  auto request = ask("Hello");
  const auto begun = clock.now();
  request.deadline = begun + 2s;
  CHECK_THROWS_AS(wait(lm->complete(request)), Error);
  CHECK(clock.now() - begun <= 2400ms);
  CHECK(inner->deadlines.size() >= 2);
  for (const auto& each : inner->deadlines) CHECK(each == request.deadline);
}

TEST_CASE("Trap 25: a clock that is set changes no wait, no limit and no breaker") {
  JumpingClock clock;
  RateLimit limit({.requests_per_minute = 60, .burst = 1});
  Breaker breaker(quick);
  open(breaker, clock.now());
  Ticket ticket;
  CHECK(limit.admit({}, clock.now(), ticket) == 0ns);
  for (const auto jump : {-24h * 365, 24h * 365}) {
    clock.jump = std::chrono::duration_cast<std::chrono::hours>(jump);
    CHECK(breaker.state(clock.now()) == Breaker::State::open);
    CHECK(breaker.opens_in(clock.now()) <= 11s);
  }
  CHECK(limit.admit({}, clock.now(), ticket) == 1s);
}

TEST_CASE("Trap 25: a clock that is set back does not give a day's budget out twice") {
  JumpingClock clock;
  Budget budget({.requests = 1, .per_day = true}, clock);
  clock.jump = 48h;
  budget.spend({.requests = 1});
  CHECK_THROWS_AS(budget.require(), Error);
  clock.jump = 24h;
  CHECK_THROWS_AS(budget.require(), Error);
  clock.jump = 72h;
  budget.require();
}

TEST_CASE("Trap 26: an unknown price is unknown, and no money is spent on it") {
  const auto inner = numbered([](int) { return "yes"; });
  const auto priced_lm = priced()(inner);
  const auto reply = wait(priced_lm->complete(ask("Hello")));
  CHECK_FALSE(reply.usage.cost_nanodollars.has_value());
  const auto budget = std::make_shared<Budget>(Budget::Limits{.nanodollars = 1'000'000'000});
  const auto lm = budgeted(budget)(inner);
  const auto refused = attempt([&] { return wait(lm->complete(ask("Hello"))); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::token_budget_exhausted);
  CHECK(count(*inner) == 1);
}

TEST_CASE("Trap 27: the same model at another address is another question") {
  const auto cache = std::make_shared<Cache>(CacheOptions{.enable_cache = true});
  const auto one = std::make_shared<NamedLM>("https://one.example"),
             two = std::make_shared<NamedLM>("https://two.example");
  CHECK(wait(cached(cache)(one)->complete(ask("Hello"))).text() == "https://one.example");
  CHECK(wait(cached(cache)(two)->complete(ask("Hello"))).text() == "https://two.example");
  CHECK(*two->calls == 1);
}

TEST_CASE("Trap 28: a caller who changes a reply from the cache changes only that") {
  const auto inner = std::make_shared<NamedLM>("answer");
  const auto lm = cached(CacheOptions{.enable_cache = true})(inner);
  for (int i = 0; i < 3; ++i) {
    auto reply = wait(lm->complete(ask("Hello")));
    CHECK(reply.text() == "answer");
    reply.completion().text = "changed";
    reply.completions.clear();
  }
  CHECK(*inner->calls == 1);
}

TEST_CASE("Trap 29: a stream that was cut is not kept") {
  int asked = 0;
  const auto inner = numbered([&](int number) -> std::string {
    ++asked;
    if (number == 0) throw Error(Errc::stream_broken, "cut", {.raw = "half of"});
    return "half of it, and the rest";
  });
  const auto lm = cached(CacheOptions{.enable_cache = true})(inner);
  CHECK_THROWS_AS(wait(lm->stream(ask("Hello"), {})), Error);
  CHECK(wait(lm->stream(ask("Hello"), {})).text() == "half of it, and the rest");
  CHECK(wait(lm->complete(ask("Hello"))).text() == "half of it, and the rest");
  CHECK(asked == 2);
}

TEST_CASE("Trap 30: if the one who asks for all gives up, the others get their answer") {
  class Slow final : public LM {
   public:
    std::string_view model() const noexcept override { return "slow"; }
    Async<Reply> complete(Request request) override { return answer(calls, std::move(request)); }
    const std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);

   private:
    static Async<Reply> answer(std::shared_ptr<std::atomic<int>> calls, Request request) {
      // The first one would take for ever.
      const bool is_first = ++*calls == 1;
      co_await sleep(is_first ? std::chrono::milliseconds(1h) : 1ms, request.stop);
      co_return Reply(Completion{.text = "answer"}, {.requests = 1});
    }
  };
  const auto inner = std::make_shared<Slow>();
  const auto lm = cached(CacheOptions{.enable_cache = true})(inner);
  std::stop_source leader;
  auto first = ask("Hello");
  first.stop = leader.get_token();
  const auto outcome = [](Async<Reply> call) -> Async<std::string> {
    std::string out;
    try {
      out = (co_await std::move(call)).text();
    } catch (const Error& error) {
      out = to_string(error.code());
    }
    co_return out;
  };
  std::vector<Async<std::string>> all;
  all.push_back(outcome(lm->complete(first)));
  for (int i = 0; i < 20; ++i) all.push_back(outcome(lm->complete(ask("Hello"))));
  all.push_back([](std::stop_source& who) -> Async<std::string> {
    co_await sleep(5ms);
    who.request_stop();
    co_return std::string("answer");
  }(leader));
  const auto outcomes = wait(when_all(std::move(all)));
  CHECK(outcomes.front() == "cancelled");
  for (std::size_t i = 1; i < outcomes.size(); ++i) CHECK(outcomes[i] == "answer");
  CHECK(*inner->calls == 2);
}

TEST_CASE("Limits follow what a provider tells, downward only") {
  const Clock::Time now(1h);
  const auto settle_with = [&](RateLimit& limit, const Ticket& ticket, const Reply& reply) {
    limit.settle(ticket, {.was_sent = true, .reply = &reply, .now = now});
  };
  Ticket ticket;
  RateLimit requests({.requests_per_minute = 600, .burst = 100});
  CHECK(requests.admit({}, now, ticket) == 0ns);
  settle_with(requests, ticket, told(20, 40'000));
  CHECK(requests.admit({}, now, ticket) == 0ns);
  settle_with(requests, ticket, told(0, 60'000));  // one more in a second: 60 fill in a minute
  CHECK(requests.admit({}, now, ticket) == 1s);

  RateLimit tokens({.tokens_per_minute = 6'000, .assumed_completion_tokens = 100});
  CHECK(tokens.admit(ask("Hi"), now, ticket) == 0ns);
  settle_with(tokens, ticket, told(0, 60'000));
  const auto first_wait = tokens.admit(ask("Hi"), now, ticket);
  CHECK(first_wait > 1s);
  CHECK(first_wait < 3s);  // about a hundred tokens at a hundred a second
  settle_with(tokens, ticket, told(6'000, 0));
  CHECK(tokens.admit(ask("Hi"), now, ticket) > 0ns);  // not upward
}

TEST_CASE("After a provider has refused one request the next ones wait as long as it said") {
  const Clock::Time now(1h);
  RateLimit limit({.requests_per_minute = 600, .burst = 100});
  Ticket ticket;
  CHECK(limit.admit({}, now, ticket) == 0ns);
  const Error refused(Errc::rate_limit_exceeded, "slow down", {.retry_after = 7s});
  limit.settle(ticket, {.was_sent = true, .error = &refused, .now = now});
  CHECK(limit.admit({}, now, ticket) == 7s);
}
