#include "dspy/signature/detail/calendar.hpp"

#include <charconv>
#include <format>
#include <limits>

namespace dspy::detail {
namespace {

using std::chrono::sys_days;

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int32_t second_parts = 1'000'000'000;

/// Reads a text from the left; once something is missing, everything fails.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return position_ == text_.size(); }
  char here() const noexcept { return at_end() ? '\0' : text_[position_]; }

  bool take(char c) noexcept {
    if (here() != c || at_end()) return false;
    ++position_;
    return true;
  }
  void expect(char c) noexcept { ok_ = take(c) && ok_; }

  /// Exactly so many digits.
  int digits(std::size_t count) noexcept {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (here() < '0' || here() > '9') {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (text_[position_++] - '0');
    }
    return value;
  }

  /// As many digits as there are, at least one.
  std::int64_t number() noexcept {
    std::int64_t value = 0;
    const auto* const begin = text_.data() + position_;
    const auto [stop, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || here() == '-') {
      ok_ = false;
      return 0;
    }
    position_ += static_cast<std::size_t>(stop - begin);
    return value;
  }

  /// The digits after a decimal point, up to nanoseconds.
  std::int32_t fraction() noexcept {
    std::int32_t value = 0;
    int count = 0;
    while (here() >= '0' && here() <= '9') {
      if (count++ == 9) ok_ = false;
      if (count <= 9) value = value * 10 + (here() - '0');
      ++position_;
    }
    if (count == 0) ok_ = false;
    for (; count < 9; ++count) value *= 10;
    return value;
  }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

std::optional<std::chrono::year_month_day> date(Scanner& in) noexcept {
  const int year = in.digits(4);
  in.expect('-');
  const int month = in.digits(2);
  in.expect('-');
  const int day = in.digits(2);
  const std::chrono::year_month_day out{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                        std::chrono::day(static_cast<unsigned>(day))};
  if (!in.ok() || year == 0 || !out.ok()) return std::nullopt;
  return out;
}

/// A time of day, on the first day of 1970, and its offset.
std::optional<Moment> clock(Scanner& in) noexcept {
  const int hour = in.digits(2);
  in.expect(':');
  const int minute = in.digits(2);
  const int second = in.take(':') ? in.digits(2) : 0;
  const std::int32_t parts = in.take('.') ? in.fraction() : 0;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;

  Moment out{.local = {hour * 3'600LL + minute * 60LL + second, parts}};
  if (in.take('Z') || in.take('z')) {
    out.offset_minutes = 0;
  } else if (in.here() == '+' || in.here() == '-') {
    const int sign = in.take('-') ? -1 : (in.take('+'), 1);
    const int hours = in.digits(2);
    in.take(':');
    const int minutes = in.digits(2);
    if (hours > 23 || minutes > 59) return std::nullopt;
    out.offset_minutes = sign * (hours * 60 + minutes);
  }
  if (!in.ok()) return std::nullopt;
  return out;
}

std::string fraction_text(std::int32_t nanoseconds) {
  if (nanoseconds == 0) return {};
  auto text = std::format(".{:09}", nanoseconds);
  text.resize(text.find_last_not_of('0') + 1);
  return text;
}

std::string offset_text(std::optional<std::int32_t> minutes) {
  if (!minutes) return {};
  if (*minutes == 0) return "Z";
  const auto size = *minutes < 0 ? -*minutes : *minutes;
  return std::format("{}{:02}:{:02}", *minutes < 0 ? '-' : '+', size / 60, size % 60);
}

std::string clock_text(std::int64_t seconds, std::int32_t parts, std::optional<std::int32_t> offset) {
  return std::format("{:02}:{:02}:{:02}{}{}", seconds / 3600, seconds / 60 % 60, seconds % 60, fraction_text(parts),
                     offset_text(offset));
}

/// Adds `count` times `unit` seconds; false if that does not fit.
bool add(std::int64_t& seconds, std::int64_t count, std::int64_t unit) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (count > most / unit || seconds > most - count * unit) return false;
  seconds += count * unit;
  return true;
}

std::int64_t seconds_per(char unit) noexcept {
  switch (unit) {
    case 'W': return 7 * day_seconds;
    case 'D': return day_seconds;
    case 'H': return 3600;
    case 'M': return 60;
    default: return 1;
  }
}

}  // namespace

std::optional<std::chrono::year_month_day> read_date(std::string_view text) noexcept {
  Scanner in(text);
  const auto out = date(in);
  return in.at_end() ? out : std::nullopt;
}

std::string date_text(std::chrono::year_month_day date) {
  return std::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::optional<Moment> read_datetime(std::string_view text) noexcept {
  Scanner in(text);
  const auto day = date(in);
  if (!day || !(in.take('T') || in.take('t') || in.take(' '))) return std::nullopt;
  auto out = clock(in);
  if (!out || !in.at_end()) return std::nullopt;
  out->local.seconds += static_cast<std::int64_t>(sys_days(*day).time_since_epoch().count()) * day_seconds;
  return out;
}

std::string datetime_text(const Moment& moment) {
  auto days = moment.local.seconds / day_seconds;
  auto rest = moment.local.seconds % day_seconds;
  if (rest < 0) {
    rest += day_seconds;
    --days;
  }
  const sys_days day{std::chrono::days(days)};
  return std::format("{}T{}", date_text(std::chrono::year_month_day(day)),
                     clock_text(rest, moment.local.nanoseconds, moment.offset_minutes));
}

std::optional<Moment> read_time(std::string_view text) noexcept {
  Scanner in(text);
  const auto out = clock(in);
  return in.at_end() ? out : std::nullopt;
}

std::string time_text(const Moment& time) {
  return clock_text(time.local.seconds, time.local.nanoseconds, time.offset_minutes);
}

std::optional<Instant> read_duration(std::string_view text) noexcept {
  Scanner in(text);
  const bool negative = in.take('-');
  in.expect('P');
  std::int64_t seconds = 0;
  std::int32_t parts = 0;
  std::string_view units = "WD";
  bool some = false;
  bool in_time = false;
  while (in.ok() && !in.at_end()) {
    if (in.take('T')) {
      if (in_time || in.at_end()) return std::nullopt;
      in_time = true;
      units = "HMS";
      continue;
    }
    const auto count = in.number();
    const bool fractional = in.take('.');
    if (fractional) parts = in.fraction();
    const char unit = in.here();
    const auto place = units.find(unit);
    if (!in.ok() || in.at_end() || place == std::string_view::npos || (fractional && unit != 'S')) return std::nullopt;
    in.take(unit);
    units.remove_prefix(place + 1);
    if (!add(seconds, count, seconds_per(unit))) return std::nullopt;
    some = true;
  }
  if (!in.ok() || !some) return std::nullopt;
  if (!negative) return Instant{seconds, parts};
  return parts == 0 ? Instant{-seconds, 0} : Instant{-seconds - 1, second_parts - parts};
}

std::string duration_text(Instant length) {
  const bool negative = length.seconds < 0;
  auto parts = length.nanoseconds;
  auto seconds = static_cast<std::uint64_t>(length.seconds);
  if (negative) {
    seconds = 0 - seconds;  // also right for the lowest value
    if (parts != 0) {
      --seconds;
      parts = second_parts - parts;
    }
  }
  std::string out = negative ? "-P" : "P";
  if (const auto days = seconds / day_seconds; days != 0) out += std::format("{}D", days);
  const auto hours = seconds / 3600 % 24;
  const auto minutes = seconds / 60 % 60;
  seconds %= 60;
  if (hours != 0 || minutes != 0 || seconds != 0 || parts != 0 || out.size() == (negative ? 2U : 1U)) {
    out += 'T';
    if (hours != 0) out += std::format("{}H", hours);
    if (minutes != 0) out += std::format("{}M", minutes);
    if (seconds != 0 || parts != 0 || out.ends_with('T')) out += std::format("{}{}S", seconds, fraction_text(parts));
  }
  return out;
}

}  // namespace dspy::detail
