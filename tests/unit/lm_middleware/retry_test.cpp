#include "dspy/lm/middleware/retry.hpp"

#include "support.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

Error unavailable() {
  return {Errc::unavailable, "the server is gone", {.usage = {.requests = 1}}};
}

/// Streams a word, and then breaks.
class BreakingLM : public LM {
 public:
  int calls = 0;

  std::string_view model() const noexcept override { return "breaking"; }
  Async<Reply> complete(Request) override { return fail(calls, {}); }
  Async<Reply> stream(Request, EventSink sink) override { return fail(calls, std::move(sink)); }

 private:
  static Async<Reply> fail(int& calls, EventSink sink) {
    ++calls;
    if (sink) {
      sink({.kind = StreamEvent::Kind::prompt_done});
      sink({.kind = StreamEvent::Kind::text, .text = "Well"});
    }
    throw Error(Errc::stream_broken, "the connection ended in the middle");
    co_return Reply();
  }
};

}  // namespace

TEST_CASE("A request that failed is made again, and the reply tells of it") {
  FakeClock clock;
  const auto inner = numbered([](int number) -> std::string {
    if (number < 2) throw unavailable();
    return "here";
  });
  const auto lm = retrying({}, fake_timing(clock))(inner);

  const auto reply = wait(lm->complete(ask("Hello")));

  CHECK(reply.text() == "here");
  CHECK(reply.usage.requests == 3);
  const auto& attempts = reply.handling->attempts;
  REQUIRE(attempts.size() == 3);
  CHECK(attempts[0].error == Errc::unavailable);
  CHECK(attempts[0].message == "the server is gone");
  CHECK(attempts[1].waited <= 100ms);
  CHECK_FALSE(attempts[2].error.has_value());
}

TEST_CASE("What will not succeed another time is not tried another time") {
  FakeClock clock;
  for (const auto code : {Errc::authentication_failed, Errc::billing_error, Errc::refused, Errc::context_too_long,
                          Errc::unsupported, Errc::cancelled, Errc::deadline_exceeded, Errc::bad_input,
                          Errc::token_budget_exhausted, Errc::invalid_parameter}) {
    CAPTURE(to_string(code));
    int asked = 0;
    const auto inner = numbered([&](int number) -> std::string {
      asked = number + 1;
      throw Error(code, "no");
    });
    const auto lm = retrying({}, fake_timing(clock))(inner);
    const auto result = attempt([&] { return wait(lm->complete(ask("Hello"))); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == code);
    CHECK(asked == 1);
  }
}

TEST_CASE("The last error says how many attempts there were and what they took") {
  FakeClock clock;
  int asked = 0;
  const auto inner = numbered([&](int number) -> std::string {
    asked = number + 1;
    throw unavailable();
  });
  const auto lm = retrying({.max_retries = 2}, fake_timing(clock))(inner);

  const auto result = attempt([&] { return wait(lm->complete(ask("Hello"))); });

  REQUIRE_FALSE(result.has_value());
  CHECK(std::string(result.error().what()) == "the server is gone (after 3 attempts)");
  CHECK(result.error().info().usage.requests == 3);
  CHECK(asked == 3);
}

TEST_CASE("A provider's own time to come back is kept to, if it is not too long") {
  FakeClock clock;
  RetryBudget budget(0.1, 3);
  RetryMachine machine({.max_retry_after_ms = 60'000}, budget, Random(1));
  const auto at = [](std::chrono::milliseconds time) {
    return Error(Errc::rate_limit_exceeded, "slow down", {.retry_after = time});
  };

  const auto waits = machine.after(at(7s), false, clock.now(), {});
  CHECK(waits >= 7s);
  CHECK(waits < 8s);
  CHECK_FALSE(machine.after(at(61s), false, clock.now(), {}).has_value());
  CHECK_FALSE(machine.after(at(7s), false, clock.now(), clock.now() + 5s).has_value());
  CHECK(machine.after(at(-7s), false, clock.now(), {}) >= 0s);
}

TEST_CASE("Waits are drawn from a range that doubles up to its limit") {
  FakeClock clock;
  RetryBudget budget(1, 1'000'000);
  std::vector<std::chrono::nanoseconds> longest(8);

  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    RetryMachine machine({.max_retries = 8, .initial_backoff_ms = 100, .max_backoff_ms = 1'000}, budget, Random(seed));
    for (auto& most : longest) most = std::max(most, *machine.after(unavailable(), false, clock.now(), {}));
  }

  CHECK(longest[0] <= 100ms);
  CHECK(longest[0] > 95ms);
  CHECK(longest[1] > 190ms);
  CHECK(longest[3] > 760ms);
  CHECK(longest[7] <= 1'000ms);
}

TEST_CASE("Where everything fails, retries are a tenth of the requests") {
  FakeClock clock;
  RetryBudget budget(0.1, 3);
  int retries = 0;

  for (int i = 0; i < 10'000; ++i) {
    budget.count_request(clock.now());
    while (budget.take(clock.now())) ++retries;
    clock.advance(10ms);
  }

  CHECK(retries > 900);
  CHECK(retries <= 1'100);
}

TEST_CASE("Nothing is asked again once content has reached the caller") {
  FakeClock clock;
  const auto inner = std::make_shared<BreakingLM>();
  const auto lm = retrying({}, fake_timing(clock))(inner);
  std::string heard;

  const auto streamed =
      attempt([&] { return wait(lm->stream(ask("Hello"), [&](const StreamEvent& event) { heard += event.text; })); });
  CHECK_FALSE(streamed.has_value());
  CHECK(heard == "Well");
  CHECK(inner->calls == 1);

  CHECK_FALSE(attempt([&] { return wait(lm->complete(ask("Hello"))); }).has_value());
  CHECK(inner->calls == 5);
}

TEST_CASE("Options of retries that cannot be meant are named") {
  CHECK_THROWS_WITH_AS(retrying({.max_retries = -1}), "the option `max_retries` of retries is -1; it must be 0 or more",
                       Error);
  CHECK_THROWS_AS(retrying({.initial_backoff_ms = 100, .max_backoff_ms = 50}), Error);
}
