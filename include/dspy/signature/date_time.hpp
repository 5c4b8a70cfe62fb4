#pragma once

#include <chrono>
#include <optional>

namespace dspy {

/// A date and time with all that JSON says of it: what the clocks show, and how far they are from
/// UTC, unless that is open.  What Python calls a `datetime`; for those who need the moment alone
/// there is `std::chrono::sys_time`.
struct DateTime {
  std::chrono::local_time<std::chrono::microseconds> local = {};
  std::optional<std::chrono::minutes> offset = {};  ///< East of UTC, less than a day; `Z` is 0.

  /// The moment, if the offset is known.
  std::optional<std::chrono::sys_time<std::chrono::microseconds>> to_sys() const {
    if (!offset) return std::nullopt;
    return std::chrono::sys_time<std::chrono::microseconds>(local.time_since_epoch() - *offset);
  }

  bool operator==(const DateTime&) const = default;
};

}  // namespace dspy
