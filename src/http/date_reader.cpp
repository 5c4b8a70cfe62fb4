#include "http/date_reader.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/http/retry_after.hpp"

#include <array>
#include <ranges>

namespace dspy::http {
namespace {

using std::chrono::system_clock;

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> days = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> long_days = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                       "Friday", "Saturday", "Sunday"};

using dspy::text::is_digit;

struct TimeOfDay {
  int hour = 0;
  int minute = 0;
  int second = 0;
};

TimeOfDay read_time(DateReader& in) {
  TimeOfDay time;
  time.hour = in.number(2, 2);
  in.literal(":");
  time.minute = in.number(2, 2);
  in.literal(":");
  time.second = in.number(2, 2);
  return time;
}

std::optional<system_clock::time_point> finish(const DateReader& in, int year, int month, int day, TimeOfDay time) {
  if (!in.is_done()) return std::nullopt;
  return to_time(year, month, day, time.hour, time.minute, time.second);
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
std::optional<system_clock::time_point> parse_imf_date(std::string_view text) {
  DateReader in(text);
  in.name(days);
  in.literal(", ");
  const auto day = in.number(2, 2);
  in.literal(" ");
  const auto month = in.name(months) + 1;
  in.literal(" ");
  const auto year = in.number(4, 4);
  in.literal(" ");
  const auto time = read_time(in);
  in.literal(" GMT");
  return finish(in, year, month, day, time);
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
std::optional<system_clock::time_point> parse_rfc850_date(std::string_view text) {
  DateReader in(text);
  in.name(long_days);
  in.literal(", ");
  const auto day = in.number(2, 2);
  in.literal("-");
  const auto month = in.name(months) + 1;
  in.literal("-");
  const auto year = in.number(2, 2);
  in.literal(" ");
  const auto time = read_time(in);
  in.literal(" GMT");
  return finish(in, year + (year < 70 ? 2000 : 1900), month, day, time);
}

/// `Sun Nov  6 08:49:37 1994`
std::optional<system_clock::time_point> parse_asctime_date(std::string_view text) {
  DateReader in(text);
  in.name(days);
  in.literal(" ");
  const auto month = in.name(months) + 1;
  in.literal(" ");
  const auto day = in.skip(' ') ? in.number(1, 1) : in.number(2, 2);
  in.literal(" ");
  const auto time = read_time(in);
  in.literal(" ");
  const auto year = in.number(4, 4);
  return finish(in, year, month, day, time);
}

}  // namespace

int DateReader::number(std::size_t least, std::size_t most) {
  int value = 0;
  std::size_t count = 0;
  for (; count < most && count < text_.size() && is_digit(text_[count]); ++count)
    value = value * 10 + (text_[count] - '0');
  good_ = good_ && count >= least;
  text_.remove_prefix(count);
  return value;
}

void DateReader::literal(std::string_view expected) {
  good_ = good_ && text_.starts_with(expected);
  if (good_) text_.remove_prefix(expected.size());
}

int DateReader::name(std::span<const std::string_view> names) {
  for (const auto [place, each] : std::views::enumerate(names)) {
    if (!text_.starts_with(each)) continue;
    text_.remove_prefix(each.size());
    return static_cast<int>(place);
  }
  good_ = false;
  return 0;
}

bool DateReader::skip(char character) {
  if (!text_.starts_with(character)) return false;
  text_.remove_prefix(1);
  return true;
}

std::chrono::nanoseconds DateReader::fraction() {
  std::chrono::nanoseconds value{0};
  std::chrono::nanoseconds place{100'000'000};
  std::size_t count = 0;
  for (; count < text_.size() && is_digit(text_[count]); ++count) {
    value += place * (text_[count] - '0');
    place /= 10;
  }
  good_ = good_ && count > 0;
  text_.remove_prefix(count);
  return value;
}

std::optional<std::chrono::sys_seconds> to_time(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1678 || year > 2261 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::optional<system_clock::time_point> parse_http_date(std::string_view text) {
  if (const auto time = parse_imf_date(text)) return time;
  if (const auto time = parse_rfc850_date(text)) return time;
  return parse_asctime_date(text);
}

std::optional<system_clock::time_point> parse_rfc3339(std::string_view text) {
  DateReader in(text);
  const auto year = in.number(4, 4);
  in.literal("-");
  const auto month = in.number(2, 2);
  in.literal("-");
  const auto day = in.number(2, 2);
  if (!in.skip('T') && !in.skip('t')) in.literal(" ");
  const auto time = read_time(in);
  const auto fraction = in.skip('.') ? in.fraction() : std::chrono::nanoseconds(0);
  auto offset = std::chrono::minutes(0);
  if (!in.skip('Z') && !in.skip('z')) {
    const bool is_west = in.skip('-');
    if (!is_west) in.literal("+");
    const auto hours = in.number(2, 2);
    in.literal(":");
    const auto minutes = in.number(2, 2);
    if (hours > 23 || minutes > 59) return std::nullopt;
    offset = (std::chrono::hours(hours) + std::chrono::minutes(minutes)) * (is_west ? -1 : 1);
  }
  const auto whole = finish(in, year, month, day, time);
  if (!whole) return std::nullopt;
  return *whole + std::chrono::duration_cast<system_clock::duration>(fraction) - offset;
}

}  // namespace dspy::http
