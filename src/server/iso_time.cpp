#include "dspy/server/iso_time.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy::server {
namespace {

/// Takes `digits` digits, and `after` behind them unless it is 0.
std::optional<int> take(std::string_view& text, std::size_t digits, char after) {
  if (text.size() < digits + (after != 0 ? 1 : 0)) return std::nullopt;
  int value = 0;
  const auto* const end = text.data() + digits;
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || text[0] == '-' || (after != 0 && *end != after)) return std::nullopt;
  text.remove_prefix(digits + (after != 0 ? 1 : 0));
  return value;
}

/// `.123` in nanoseconds; 0 if absent.
std::optional<std::int64_t> take_decimals(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  std::int64_t value = 0;
  std::int64_t unit = 1'000'000'000;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    unit /= 10;
    if (unit == 0) return std::nullopt;
    value += unit * (text[0] - '0');
    text.remove_prefix(1);
  }
  return unit == 1'000'000'000 ? std::nullopt : std::optional(value);
}

}  // namespace

std::string iso_time(std::chrono::system_clock::time_point time) {
  return std::format("{:%FT%T}Z", std::chrono::floor<std::chrono::milliseconds>(time));
}

std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> parse_iso_time(std::string_view text) {
  const bool is_day = text.size() == 10;
  const auto year = take(text, 4, '-');
  const auto month = take(text, 2, '-');
  const auto day = take(text, 2, is_day ? '\0' : 'T');
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  // Nanoseconds since 1970 in 64 bits end in 2262.
  if (!date.ok() || *year < 1700 || *year > 2200) return std::nullopt;
  const std::chrono::sys_time<std::chrono::nanoseconds> midnight = std::chrono::sys_days(date);
  if (is_day) return midnight;
  const auto hours = take(text, 2, ':');
  const auto minutes = take(text, 2, ':');
  const auto seconds = take(text, 2, '\0');
  const auto decimals = seconds ? take_decimals(text) : std::nullopt;
  if (!hours || !minutes || !decimals || text != "Z" || *hours > 23 || *minutes > 59 || *seconds > 59)
    return std::nullopt;
  return midnight + std::chrono::hours(*hours) + std::chrono::minutes(*minutes) + std::chrono::seconds(*seconds) +
         std::chrono::nanoseconds(*decimals);
}

}  // namespace dspy::server
