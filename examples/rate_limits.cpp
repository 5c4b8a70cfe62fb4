// A rate limit per minute: requests beyond it wait in turn, and one that would wait too long is
// refused.  Here the waits are printed instead of performed; without `Timing` they are real.  The
// provider is the local mock provider.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <chrono>
#include <format>
#include <iostream>
#include <stop_token>
#include <string>

int main() {
  const dspy::mock::MockProvider provider({.wishes = {{"reply", "Answer: Paris"}}});
  const auto model = dspy::lm("compatible/any?base_url=" + provider.url("/v1"));
  dspy::Timing timing;
  timing.sleep = [](std::chrono::nanoseconds time, std::stop_token) -> dspy::Async<void> {
    std::cout << std::format("waits {:.0f} s\n", std::chrono::duration<double>(time).count());
    co_return;
  };
  const auto lm = dspy::stack(
      model, {dspy::limited({.requests_per_minute = 6, .burst = 2, .max_wait = std::chrono::seconds(25)}, timing)});

  const dspy::Predict question("question -> answer", {.lm = lm});
  for (int i = 1; i <= 5; ++i) {
    const auto out = dspy::attempt([&] { return question({{"question", "What is the capital of France?"}}); });
    std::cout << i << ": " << (out ? "answered" : dspy::to_string(out.error().code())) << '\n';
  }
}
