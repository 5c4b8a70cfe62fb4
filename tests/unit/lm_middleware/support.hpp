#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/timing.hpp"
#include "dspy/lm/scripted.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace dspy::test {

inline Async<void> advance(FakeClock& clock, std::chrono::nanoseconds time) {
  clock.advance(time);
  co_return;
}

/// Sleeping moves the clock, and takes no time.
inline Timing fake_timing(FakeClock& clock, std::uint64_t seed = 1) {
  return {.clock = &clock,
          .sleep = [&clock](std::chrono::nanoseconds time, std::stop_token) { return advance(clock, time); },
          .seed = seed};
}

/// Answers by a function of the number of the request, from 0; what that throws is the answer.
inline std::shared_ptr<ScriptedLM> numbered(std::function<std::string(int number)> answer) {
  return std::make_shared<ScriptedLM>(
      [answer = std::move(answer), number = std::make_shared<int>(0)](const Request&) { return answer((*number)++); });
}

inline Request ask(std::string text) {
  return {.messages = {Message(Role::user, std::move(text))}};
}

inline std::size_t count(const ScriptedLM& lm) {
  return lm.requests().size();
}

}  // namespace dspy::test
