#pragma once

// `Convert` for dates, times and durations.

#include "dspy/signature/date_time.hpp"
#include "dspy/signature/detail/calendar.hpp"
#include "dspy/signature/detail/convert.hpp"
#include "dspy/signature/time.hpp"

#include <chrono>
#include <optional>
#include <ratio>

namespace dspy {
namespace detail {

std::chrono::year_month_day read_day(const Json& value);
Json write_day(std::chrono::year_month_day day);
Moment read_moment(const Json& value);
Json write_moment(const Moment& moment);
/// A time as the clocks show it; throws `Unfit` if it has an offset.
Instant read_wall_time(const Json& value);
Json write_date_time(Instant local, std::optional<std::chrono::minutes> offset);
/// Counted from midnight.
Moment read_time_of_day(const Json& value);
Json write_time_of_day(Instant since_midnight, std::optional<std::chrono::minutes> offset);
Instant read_length(const Json& value);
Json write_length(Instant length);

[[noreturn]] void refuse_precision();
[[noreturn]] void refuse_length();

}  // namespace detail

inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class Rep, class Period>
detail::Instant to_instant(std::chrono::duration<Rep, Period> length) {
  using namespace std::chrono;
  static_assert(std::ratio_greater_equal_v<Period, std::nano>, "a field's time is kept to the nanosecond");
  constexpr double most = 9.2e18;  // seconds, below 2^63
  const double approximate = duration<double>(length).count();
  if (!(approximate > -most && approximate < most)) detail::refuse_length();
  // Towards zero first: the whole seconds below the least time of a type may be beyond it.
  const auto whole = duration_cast<seconds>(length);
  auto parts = round<nanoseconds>(length - whole).count();
  auto count = whole.count();
  if (parts < 0) {
    --count;
    parts += 1'000'000'000;
  }
  if (parts == 1'000'000'000) return {count + 1, 0};  // a floating rest just below a second
  return {count, static_cast<std::int32_t>(parts)};
}

template <class D>
D from_instant(detail::Instant length) {
  using namespace std::chrono;
  const auto approximate = static_cast<double>(length.seconds);
  const double most = duration<double>(D::max()).count();
  if (!(approximate >= -most && approximate < most)) detail::refuse_length();
  const D out = duration_cast<D>(seconds(length.seconds)) + duration_cast<D>(nanoseconds(length.nanoseconds));
  if constexpr (std::is_integral_v<typename D::rep>) {
    if (to_instant(out) != length) detail::refuse_precision();
  }
  return out;
}

template <class Rep, class Period>
struct Convert<std::chrono::duration<Rep, Period>> {
  using Length = std::chrono::duration<Rep, Period>;

  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::duration};
  }
  static Json write(Length value) { return detail::write_length(to_instant(value)); }
  static Length read(const Json& value) { return from_instant<Length>(detail::read_length(value)); }
};

template <>
struct Convert<std::chrono::year_month_day> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::date};
  }
  static Json write(std::chrono::year_month_day value) { return detail::write_day(value); }
  static std::chrono::year_month_day read(const Json& value) { return detail::read_day(value); }
};

/// Whole days are a date.
template <class Clock>
struct Convert<std::chrono::time_point<Clock, std::chrono::days>> {
  using Day = std::chrono::time_point<Clock, std::chrono::days>;
  static_assert(std::same_as<Clock, std::chrono::system_clock> || std::same_as<Clock, std::chrono::local_t>,
                "a field's date must be a std::chrono::sys_days or local_days");

  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::date};
  }
  static Json write(Day value) { return detail::write_day(std::chrono::year_month_day(value)); }
  static Day read(const Json& value) { return Day(detail::read_day(value)); }
};

template <class D>
  requires(!std::same_as<D, std::chrono::days>)
struct Convert<std::chrono::sys_time<D>> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::datetime};
  }
  static Json write(std::chrono::sys_time<D> value) {
    return detail::write_moment({to_instant(value.time_since_epoch()), 0});
  }
  static std::chrono::sys_time<D> read(const Json& value) {
    return std::chrono::sys_time<D>(from_instant<D>(detail::read_moment(value).in_utc()));
  }
};

template <class D>
  requires(!std::same_as<D, std::chrono::days>)
struct Convert<std::chrono::local_time<D>> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::datetime};
  }
  static Json write(std::chrono::local_time<D> value) {
    return detail::write_moment({to_instant(value.time_since_epoch()), std::nullopt});
  }
  static std::chrono::local_time<D> read(const Json& value) {
    return std::chrono::local_time<D>(from_instant<D>(detail::read_wall_time(value)));
  }
};

template <>
struct Convert<DateTime> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::datetime};
  }
  static Json write(const DateTime& value) {
    return detail::write_date_time(to_instant(value.local.time_since_epoch()), value.offset);
  }
  static DateTime read(const Json& value) {
    using Local = decltype(DateTime::local);
    const auto moment = detail::read_moment(value);
    DateTime out{.local = Local(from_instant<Local::duration>(moment.local))};
    if (moment.offset_minutes) out.offset = std::chrono::minutes(*moment.offset_minutes);
    return out;
  }
};

template <>
struct Convert<Time> {
  template <class Outer>
  static Type type() {
    return {.kind = Type::Kind::time};
  }
  static Json write(const Time& value) {
    return detail::write_time_of_day(to_instant(value.since_midnight), value.offset);
  }
  static Time read(const Json& value) {
    const auto time = detail::read_time_of_day(value);
    Time out{.since_midnight = from_instant<decltype(Time::since_midnight)>(time.local)};
    if (time.offset_minutes) out.offset = std::chrono::minutes(*time.offset_minutes);
    return out;
  }
};

}  // namespace reflection
}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
