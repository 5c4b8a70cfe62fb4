#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/base/tasks.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>

namespace dspy {

/// The source of time and randomness for middleware, so that tests and simulations need not wait.
struct Timing {
  using Sleep = std::function<Async<void>(std::chrono::nanoseconds time, std::stop_token stop)>;

  const Clock* clock = &Clock::real();
  // NOLINTNEXTLINE(performance-unnecessary-value-param): handed on
  Sleep sleep = [](std::chrono::nanoseconds time, std::stop_token stop) { return dspy::sleep(time, std::move(stop)); };
  std::uint64_t seed = 0;  ///< 0: another one each time.
};

}  // namespace dspy
