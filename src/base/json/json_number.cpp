#include "base/json/json_number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

namespace dspy {
namespace {

/// A decimal number: `digits` (which may hold a point) times ten to the power of `exponent`.
struct Decimal {
  std::string_view digits = {};
  std::int64_t exponent = 0;
  bool is_zero = false;
  bool is_whole = false;
  bool is_integer = false;  ///< Written without point and exponent.
};

Decimal read_decimal(std::string_view number) noexcept {
  if (number.starts_with('-')) number.remove_prefix(1);
  const auto mark = std::min(number.find_first_of("eE"), number.size());
  Decimal out{.digits = number.substr(0, mark)};
  const auto last = out.digits.find_last_of("123456789");
  out.is_zero = last == std::string_view::npos;
  const auto point = out.digits.find('.');
  out.is_integer = point == std::string_view::npos && mark == number.size();
  if (out.is_zero || out.is_integer) {
    out.is_whole = true;
    return out;
  }
  if (mark < number.size()) {
    auto power = number.substr(mark + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    constexpr std::int64_t beyond_all = 1'000'000'000'000;
    if (std::from_chars(power.data(), power.data() + power.size(), out.exponent).ec != std::errc())
      out.exponent = power.starts_with('-') ? -beyond_all : beyond_all;
    out.exponent = std::clamp(out.exponent, -beyond_all, beyond_all);  // so that places can be added to it
  }
  // The power of ten of the last non-zero digit.
  const auto before_point = static_cast<std::int64_t>(std::min(point, out.digits.size()));
  const auto place = static_cast<std::int64_t>(last);
  const auto lowest = place < before_point ? before_point - 1 - place : before_point - place;
  out.is_whole = lowest + out.exponent >= 0;
  return out;
}

}  // namespace

bool is_misread_as_float(std::string_view number) noexcept {
  const auto decimal = read_decimal(number);
  if (decimal.is_zero) return false;
  double read = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), read).ec != std::errc()) return true;
  if (!decimal.is_whole) return read == std::trunc(read);
  if (!decimal.is_integer) return false;
  constexpr std::size_t longest = 320;  // of a float without its fraction
  std::array<char, longest> exact{};
  const auto end =
      std::to_chars(exact.data(), exact.data() + exact.size(), std::abs(read), std::chars_format::fixed, 0).ptr;
  return std::string_view(exact.data(), end) != decimal.digits.substr(decimal.digits.find_first_not_of('0'));
}

}  // namespace dspy
