#include "dspy/http/retry_after.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace dspy::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

// Longer is a mistake, and nanoseconds would overflow where it is added to the time.
constexpr double longest_wait_ms = 1e12;  // 31 years
constexpr double latest_date_ms = 9e12;   // the year 2255

/// What is left of `text` after the number is written back to it.  Digits with at most one point: no sign, no exponent.
std::optional<double> take_number(std::string_view& text) {
  const auto size = std::min(text.find_first_not_of("0123456789."), text.size());
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + size, value, std::chars_format::fixed);
  if (problem != std::errc() || end != text.data() + size) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

std::optional<milliseconds> to_milliseconds(double ms, double most = longest_wait_ms) {
  if (!(ms <= most)) return std::nullopt;
  return milliseconds(static_cast<milliseconds::rep>(std::ceil(ms)));
}

std::optional<double> whole_number(std::string_view text) {
  const auto value = take_number(text);
  return text.empty() ? value : std::nullopt;
}

milliseconds until(system_clock::time_point time, system_clock::time_point now) {
  return time <= now ? milliseconds(0) : std::chrono::ceil<milliseconds>(time - now);
}

/// Milliseconds of the unit that `text` begins with, which is taken from it.
std::optional<double> take_unit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double ms;
  };
  // Longer names first.
  static constexpr Unit units[] = {{.name = "ms", .ms = 1},         {.name = "us", .ms = 1e-3},
                                   {.name = "\u00b5s", .ms = 1e-3}, {.name = "\u03bcs", .ms = 1e-3},
                                   {.name = "ns", .ms = 1e-6},      {.name = "h", .ms = 3'600'000},
                                   {.name = "m", .ms = 60'000},     {.name = "s", .ms = 1000}};
  for (const auto& unit : units) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.ms;
  }
  return std::nullopt;
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  text = text::trim(text);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    const auto unit = number ? take_unit(text) : std::nullopt;
    if (!unit) return std::nullopt;
    total += *number * *unit;
  }
  return to_milliseconds(total);
}

std::optional<milliseconds> retry_after(const Headers& headers, system_clock::time_point now) {
  if (const auto exact = headers.find("retry-after-ms")) {
    const auto ms = whole_number(text::trim(*exact));
    if (const auto wait = ms ? to_milliseconds(*ms) : std::nullopt) return wait;
  }
  const auto field = headers.find("retry-after");
  if (!field) return std::nullopt;
  const auto value = text::trim(*field);
  if (const auto seconds = whole_number(value)) return to_milliseconds(*seconds * 1000);
  if (const auto date = parse_http_date(value)) return until(*date, now);
  return std::nullopt;
}

std::optional<milliseconds> time_until_reset(std::string_view value, system_clock::time_point now) {
  value = text::trim(value);
  if (const auto number = whole_number(value)) {
    // Nobody resets a limit in 30 years; a date in milliseconds is later than 1973 with 12 digits.
    constexpr double least_date = 1e9;
    constexpr double least_date_ms = 1e11;
    if (*number < least_date) return to_milliseconds(*number * 1000);
    const auto ms = to_milliseconds(*number >= least_date_ms ? *number : *number * 1000, latest_date_ms);
    if (!ms) return std::nullopt;
    return until(system_clock::time_point(*ms), now);
  }
  if (const auto duration = parse_duration(value)) return duration;
  if (const auto date = parse_rfc3339(value)) return until(*date, now);
  if (const auto date = parse_http_date(value)) return until(*date, now);
  return std::nullopt;
}

}  // namespace dspy::http
