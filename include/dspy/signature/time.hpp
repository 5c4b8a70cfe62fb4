#pragma once

#include <chrono>
#include <optional>

namespace dspy {

/// A time of day, on no date: what Python calls a `time`.  A length of time is a `std::chrono::duration`.
struct Time {
  std::chrono::microseconds since_midnight = {};    ///< What the clocks show, less than a day.
  std::optional<std::chrono::minutes> offset = {};  ///< East of UTC, less than a day; `Z` is 0.

  bool operator==(const Time&) const = default;
};

}  // namespace dspy
