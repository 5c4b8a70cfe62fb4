#include "dspy/lm/middleware/breaker.hpp"
#include "dspy/lm/middleware/concurrency.hpp"
#include "dspy/lm/middleware/guarded.hpp"
#include "dspy/lm/middleware/rate_limit.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

/// What the breaker says about a request at the clock's time, and about its end.
bool admits(Breaker& breaker, const FakeClock& clock, Ticket& ticket) {
  return attempt([&] { breaker.admit({}, clock.now(), ticket); }).has_value();
}

void end(Breaker& breaker, const FakeClock& clock, const Ticket& ticket, std::optional<Errc> code) {
  const Reply reply(Completion{.text = "fine"});
  const Error error(code.value_or(Errc::cancelled), "it failed");
  breaker.settle(
      ticket,
      {.was_sent = true, .reply = code ? nullptr : &reply, .error = code ? &error : nullptr, .now = clock.now()});
}

void fail(Breaker& breaker, const FakeClock& clock, int times) {
  for (int i = 0; i < times; ++i) {
    Ticket ticket;
    REQUIRE(admits(breaker, clock, ticket));
    end(breaker, clock, ticket, Errc::unavailable);
  }
}

}  // namespace

TEST_CASE("Requests are spaced evenly after a burst, in the order in which they come") {
  FakeClock clock;
  RateLimit limit({.requests_per_minute = 60, .burst = 3});
  std::vector<double> waits;

  for (int i = 0; i < 6; ++i) {
    Ticket ticket;
    waits.push_back(std::chrono::duration<double>(limit.admit({}, clock.now(), ticket)).count());
  }

  CHECK(waits == std::vector<double>{0, 0, 0, 1, 2, 3});
  clock.advance(10s);
  Ticket later;
  CHECK(limit.admit({}, clock.now(), later) == 0s);
}

TEST_CASE("A request that would wait too long, or past its deadline, is refused with when to come back") {
  FakeClock clock;
  RateLimit limit({.requests_per_minute = 1, .max_wait = 30s});
  Ticket ticket;
  limit.admit({}, clock.now(), ticket);

  const auto refused = attempt([&] { limit.admit({}, clock.now(), ticket); });

  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::rate_limit_exceeded);
  CHECK(refused.error().info().retry_after == 60s);
  clock.advance(40s);
  CHECK(limit.admit({}, clock.now(), ticket) == 20s);
  clock.advance(20s);
  const Request hurried{.deadline = clock.now() + 1s};
  CHECK_FALSE(attempt([&] { limit.admit(hurried, clock.now(), ticket); }).has_value());
}

TEST_CASE("Tokens are reserved by an estimate and settled by what was used") {
  FakeClock clock;
  RateLimit limit({.tokens_per_minute = 6'000});
  auto request = ask("Hello");
  request.sampling.max_tokens = 5'000;
  Ticket first, second, third;

  CHECK(limit.admit(request, clock.now(), first) == 0s);
  CHECK(limit.admit(request, clock.now(), second) > 30s);
  limit.settle(second, {.was_sent = false, .now = clock.now()});
  const Reply reply(Completion{}, {.requests = 1, .prompt_tokens = 5, .completion_tokens = 95});
  limit.settle(first, {.was_sent = true, .reply = &reply, .now = clock.now()});

  CHECK(limit.admit(request, clock.now(), third) == 0s);
}

TEST_CASE("Limits that cannot be meant are named") {
  CHECK_THROWS_WITH_AS(RateLimit({.requests_per_minute = 0}),
                       "the limit `requests_per_minute` is 0; it must be more than 0", Error);
  CHECK_THROWS_AS(RateLimit({.tokens_per_minute = -5}), Error);
  CHECK_THROWS_AS(RateLimit({.requests_per_minute = 5, .burst = 0}), Error);
  CHECK_THROWS_AS(Breaker({.min_calls = 0}), Error);
  CHECK_THROWS_AS(concurrent({.start = 5, .max = 4}), Error);
}

TEST_CASE("A breaker opens after too many failures, tries again, and closes after enough good probes") {
  FakeClock clock;
  Breaker breaker({.min_calls = 4, .open_for = 10s, .probes = 2});
  Ticket ticket, other;

  fail(breaker, clock, 4);
  CHECK(breaker.state(clock.now()) == Breaker::State::open);
  const auto refused = attempt([&] { breaker.admit({}, clock.now(), ticket); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::unavailable);
  CHECK(refused.error().info().retry_after > 8s);

  clock.advance(12s);
  CHECK(admits(breaker, clock, ticket));
  CHECK(admits(breaker, clock, other));
  Ticket third;
  CHECK_FALSE(admits(breaker, clock, third));  // as many probes as there may be
  end(breaker, clock, ticket, {});
  end(breaker, clock, other, {});
  CHECK(breaker.state(clock.now()) == Breaker::State::closed);
}

TEST_CASE("A failed probe opens the breaker for twice as long") {
  FakeClock clock;
  Breaker breaker({.min_calls = 2, .open_for = 10s, .probes = 1});
  Ticket ticket;

  fail(breaker, clock, 2);
  clock.advance(12s);
  REQUIRE(admits(breaker, clock, ticket));
  end(breaker, clock, ticket, Errc::timeout);

  CHECK(breaker.opens_in(clock.now()) >= 18s);
  CHECK(breaker.opens_in(clock.now()) <= 22s);
}

TEST_CASE("A result of before the breaker changed its mind does not close it") {
  FakeClock clock;
  Breaker breaker({.min_calls = 2, .open_for = 10s, .probes = 1});
  Ticket early, probe;
  REQUIRE(admits(breaker, clock, early));

  fail(breaker, clock, 2);
  clock.advance(12s);
  REQUIRE(admits(breaker, clock, probe));
  end(breaker, clock, early, {});
  CHECK(breaker.state(clock.now()) == Breaker::State::half_open);
}

TEST_CASE("A probe that is lost does not keep the breaker half open for ever") {
  FakeClock clock;
  Breaker breaker({.min_calls = 2, .open_for = 10s, .probes = 1, .probe_lease = 20s});
  Ticket lost, next;

  fail(breaker, clock, 2);
  clock.advance(12s);
  REQUIRE(admits(breaker, clock, lost));
  CHECK_FALSE(admits(breaker, clock, next));
  clock.advance(21s);
  REQUIRE(admits(breaker, clock, next));
  end(breaker, clock, next, {});
  CHECK(breaker.state(clock.now()) == Breaker::State::closed);
}

TEST_CASE("Cancelled and refused requests and rate limits do not open a breaker") {
  FakeClock clock;
  Breaker breaker({.min_calls = 2, .open_for = 10s});

  for (const auto code : {Errc::cancelled, Errc::rate_limit_exceeded, Errc::refused, Errc::context_too_long}) {
    for (int i = 0; i < 10; ++i) {
      Ticket ticket;
      REQUIRE(admits(breaker, clock, ticket));
      end(breaker, clock, ticket, code);
    }
  }
  CHECK(breaker.state(clock.now()) == Breaker::State::closed);
}

TEST_CASE("The number of requests at once grows by one and shrinks by a tenth") {
  ConcurrencyLimit limit({.start = 10, .min = 2, .max = 20});

  for (int i = 0; i < 10; ++i) limit.count_success(true);
  CHECK(limit.limit() == 11);
  for (int i = 0; i < 100; ++i) limit.count_success(false);
  CHECK(limit.limit() == 11);
  limit.count_overload(5);
  CHECK(limit.limit() == 9);
  for (int i = 0; i < 5; ++i) limit.count_overload(0);  // of those that were under way with it
  CHECK(limit.limit() == 9);
  for (int i = 0; i < 100; ++i) limit.count_overload(0);
  CHECK(limit.limit() == 2);
}

TEST_CASE("A limited LM waits by its clock") {
  FakeClock clock;
  const auto inner = numbered([](int) { return "yes"; });
  const auto lm = limited({.requests_per_minute = 60, .burst = 1}, fake_timing(clock))(inner);
  const auto begun = clock.now();

  for (int i = 0; i < 4; ++i) wait(lm->complete(ask("Ready?")));

  CHECK(clock.now() - begun == 3s);
  CHECK(wait(lm->complete(ask("Ready?"))).handling->attempts.front().waited == 1s);
  CHECK(lm->model() == "scripted");
}
