#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The texts that JSON holds for dates, times and durations, and their parts.

namespace dspy::detail {

/// Time since 1970, or a length of time: `seconds` rounded down, and what is above.
struct Instant {
  std::int64_t seconds = 0;
  std::int32_t nanoseconds = 0;  ///< 0 to 999,999,999.

  bool operator==(const Instant&) const = default;
};

/// A date and time as it is written.
struct Moment {
  Instant local = {};                               ///< What the clocks show, counted from 1970 as they showed it.
  std::optional<std::int32_t> offset_minutes = {};  ///< East of UTC, less than a day.

  /// Without an offset the local time is taken for UTC.
  Instant in_utc() const noexcept {
    return {local.seconds - std::int64_t{60} * offset_minutes.value_or(0), local.nanoseconds};
  }
};

/// `YYYY-MM-DD`, year 1 to 9999.
std::optional<std::chrono::year_month_day> read_date(std::string_view text) noexcept;
std::string date_text(std::chrono::year_month_day date);

/// RFC 3339: a date, `T` (also `t` or a blank), a time, and `Z` or an offset such as `+01:00`; the
/// seconds may be left out or have a fraction, the offset may be absent.
std::optional<Moment> read_datetime(std::string_view text) noexcept;
/// The offset 0 is `Z`.  The year must be within 1 to 9999.
std::string datetime_text(const Moment& moment);

/// The same without a date: a time of day, as on the first day of 1970.
std::optional<Moment> read_time(std::string_view text) noexcept;
std::string time_text(const Moment& time);

/// ISO 8601 without years and months, whose length varies: `P1DT2H30M1.5S`, `-PT5S`, `P2W`.
std::optional<Instant> read_duration(std::string_view text) noexcept;
std::string duration_text(Instant length);

}  // namespace dspy::detail
