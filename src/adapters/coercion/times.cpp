#include "adapters/coercion/times.hpp"

#include "adapters/coercion/numbers.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/detail/calendar.hpp"

#include <charconv>
#include <cstddef>
#include <limits>

namespace dspy {
namespace {

using Kind = Type::Kind;

constexpr std::int64_t day_seconds = 86'400;

/// Digits from the left of `text`, which are taken off; at most `most` of them.
std::optional<std::int64_t> take_digits(std::string_view& text, std::size_t most) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const auto size = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || text.starts_with('-') || size > most) return std::nullopt;
  text.remove_prefix(size);
  return out;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// `1:30:00`, `3 days, 1:00:00.5`, `-1 day, 23:59:59`: as Python writes a timedelta.
std::optional<detail::Instant> read_clock(std::string_view text) {
  constexpr std::size_t most_digits = 9;
  detail::Instant out;
  const bool before = take(text, "-");
  auto count = take_digits(text, most_digits);
  if (!count) return std::nullopt;
  if (take(text, " days") || take(text, " day")) {
    out.seconds = (before ? -*count : *count) * day_seconds;
    if (text.empty()) return out;
    if (!take(text, ", ")) return std::nullopt;
    count = take_digits(text, 2);
    if (!count) return std::nullopt;
  } else if (before) {
    return std::nullopt;
  }
  const auto minutes = take(text, ":") ? take_digits(text, 2) : std::nullopt;
  const auto seconds = minutes && take(text, ":") ? take_digits(text, 2) : std::nullopt;
  if (!seconds || *minutes > 59 || *seconds > 59) return std::nullopt;
  out.seconds += *count * 3600 + *minutes * 60 + *seconds;
  if (text.empty()) return out;
  constexpr std::size_t most_parts = 9;
  const auto size = text.size() - 1;
  if (!take(text, ".") || size > most_parts) return std::nullopt;
  const auto parts = take_digits(text, most_parts);
  if (!parts || !text.empty()) return std::nullopt;
  out.nanoseconds = static_cast<std::int32_t>(*parts);
  for (auto i = size; i < most_parts; ++i) out.nanoseconds *= 10;
  return out;
}

/// `90` or `90.5`: seconds.
std::optional<detail::Instant> read_second_count(std::string_view text) {
  const bool before = take(text, "-");
  constexpr std::size_t most_digits = 15;
  const auto whole = take_digits(text, most_digits);
  if (!whole) return std::nullopt;
  std::int32_t parts = 0;
  if (take(text, ".")) {
    constexpr std::size_t most_parts = 9;
    const auto size = text.size();
    const auto read = size <= most_parts ? take_digits(text, most_parts) : std::nullopt;
    if (!read) return std::nullopt;
    parts = static_cast<std::int32_t>(*read);
    for (auto i = size; i < most_parts; ++i) parts *= 10;
  }
  if (!text.empty()) return std::nullopt;
  if (!before) return detail::Instant{*whole, parts};
  return parts == 0 ? detail::Instant{-*whole, 0} : detail::Instant{-*whole - 1, 1'000'000'000 - parts};
}

/// As ISO 8601 also writes a time: a comma before the fraction of a second, U+2212 before the offset.
std::optional<std::string> read_iso_time(Kind kind, std::string_view text) {
  constexpr std::string_view minus = "\xE2\x88\x92";  // −
  std::string plain(text);
  if (const auto comma = plain.find(','); comma != std::string::npos) plain[comma] = '.';
  if (const auto sign = plain.find(minus); sign != std::string::npos) plain.replace(sign, minus.size(), "-");
  const bool reads =
      kind == Kind::time ? detail::read_time(plain).has_value() : detail::read_datetime(plain).has_value();
  // A date has no signs other than `-`.
  if (!reads || plain == text || (kind == Kind::datetime && !detail::read_date(text.substr(0, 10))))
    return std::nullopt;
  return plain;
}

/// `2024010510` and `202401051030`: a day and a time of day written without marks, as well as a count of seconds.
bool may_be_compact(std::int64_t number) noexcept {
  std::int64_t hours = 0;  // with the date before them
  if (number >= 1'000'000'000 && number < 10'000'000'000) hours = number;
  if (number >= 100'000'000'000 && number < 1'000'000'000'000 && number % 100 < 60) hours = number / 100;
  const auto year = hours / 1'000'000;
  const auto month = hours / 10'000 % 100;
  const auto day = hours / 100 % 100;
  return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hours % 100 < 24;
}

}  // namespace

bool may_be_two_times(std::string_view text) noexcept {
  constexpr std::size_t size = 5;  // of `09:00`
  if (text.size() < 2 * size) return false;
  const auto sign = text.substr(size, text.size() - 2 * size);
  return (sign == "-" || sign == "\xE2\x88\x92") && detail::read_time(text.substr(0, size)) &&
         detail::read_time(text.substr(text.size() - size));
}

std::optional<std::string> read_seconds(Kind kind, std::int64_t seconds, Repairs& repairs) {
  if (kind == Kind::duration) {
    repairs.take("duration_form");
    return detail::duration_text({seconds, 0});
  }
  if (kind != Kind::date && kind != Kind::datetime) return std::nullopt;
  // Counted in seconds from 1973 to 2128, or in milliseconds there: nothing else that looks so is a date.  Eight digits
  // may be `20240229`.
  if (may_be_compact(seconds)) return std::nullopt;
  constexpr std::int64_t least = 100'000'000;
  constexpr std::int64_t most = 4'999'999'999;
  constexpr std::int64_t thousand = 1000;
  std::int32_t parts = 0;
  if (seconds >= least * thousand && seconds <= most * thousand) {
    parts = static_cast<std::int32_t>(seconds % thousand) * 1'000'000;
    seconds /= thousand;
  }
  if (seconds < least || seconds > most) return std::nullopt;
  auto text = detail::datetime_text({.local = {seconds, parts}, .offset_minutes = 0});
  if (kind == Kind::date) {
    if (parts != 0 || seconds % day_seconds != 0) return std::nullopt;
    text.resize(text.find('T'));
  }
  repairs.take("epoch_seconds");
  return text;
}

std::optional<std::string> read_time_like(Kind kind, std::string_view text, Repairs& repairs) {
  if (kind == Kind::date || kind == Kind::datetime) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return read_seconds(kind, number, repairs);
  }
  if (kind == Kind::datetime && detail::read_date(text)) {
    repairs.take("midnight");
    return std::string(text) + "T00:00:00";
  }
  if (kind == Kind::date) {
    const auto moment = detail::read_datetime(text);
    const bool is_midnight = moment && moment->local.nanoseconds == 0 && moment->local.seconds % day_seconds == 0;
    // With another offset than UTC's the day is another one there.
    if (!is_midnight || moment->offset_minutes.value_or(0) != 0) return std::nullopt;
    repairs.take("midnight");
    return std::string(text.substr(0, text.find_first_of("Tt ")));
  }
  if (kind == Kind::datetime || kind == Kind::time) {
    auto time = read_iso_time(kind, text);
    if (time) repairs.take("time_form");
    return time;
  }
  if (kind != Kind::duration) return std::nullopt;
  auto length = read_second_count(text);
  if (!length) length = read_clock(text);
  if (!length) return std::nullopt;
  repairs.take("duration_form");
  return detail::duration_text(*length);
}

}  // namespace dspy
