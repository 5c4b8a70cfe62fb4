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

struct Moment {
  Instant since_1970 = {};
  bool has_offset = true;  ///< False for a local time; then the instant is that of the same time in UTC.
};

/// `YYYY-MM-DD`, year 1 to 9999.
std::optional<std::chrono::year_month_day> read_date(std::string_view text) noexcept;
std::string date_text(std::chrono::year_month_day date);

/// RFC 3339: a date, `T` (also `t` or a blank), a time, and `Z` or an offset such as `+01:00`; the
/// seconds may be left out or have a fraction, the offset may be absent.
std::optional<Moment> read_datetime(std::string_view text) noexcept;
/// In UTC, with `Z`.  The year must be within 1 to 9999.
std::string datetime_text(Instant since_1970);

/// ISO 8601 without years and months, whose length varies: `P1DT2H30M1.5S`, `-PT5S`, `P2W`.
std::optional<Instant> read_duration(std::string_view text) noexcept;
std::string duration_text(Instant length);

}  // namespace dspy::detail
