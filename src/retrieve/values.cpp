#include "retrieve/values.hpp"

#include "dspy/base/json.hpp"

#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace dspy {
namespace {

/// The nearest float, and what is missing to the number.
struct Number {
  double near = 0;
  std::int64_t rest = 0;

  std::partial_ordering operator<=>(const Number&) const = default;
};

constexpr double two_to_63 = 0x1p63;

std::optional<Number> number(const Json& value) {
  if (const auto* const real = value.if_double()) {
    if (std::isnan(*real)) return {};
    return Number{.near = *real == 0 ? 0 : *real};  // not -0
  }
  if (const auto* const whole = value.if_int64()) {
    const auto near = static_cast<double>(*whole);
    if (near >= two_to_63)
      return Number{near, static_cast<std::int64_t>(static_cast<std::uint64_t>(*whole) - (std::uint64_t{1} << 63))};
    return Number{near, *whole - static_cast<std::int64_t>(near)};
  }
  if (const auto* const large = value.if_uint64()) {
    const auto near = static_cast<double>(*large);
    const auto floor = near >= 2 * two_to_63 ? 0 : static_cast<std::uint64_t>(near);  // 2^64 wraps to 0
    return Number{near, static_cast<std::int64_t>(*large - floor)};
  }
  return {};
}

void append_big_endian(std::string& out, std::uint64_t bits, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(bits >> shift & 0xFFU));
}

}  // namespace

std::partial_ordering compare_values(const Json& a, const Json& b) {
  const auto x = number(a), y = number(b);
  if (x && y) return *x <=> *y;
  if (a.is_string() && b.is_string()) return view(a.get_string()) <=> view(b.get_string());
  if (a.is_bool() && b.is_bool()) return a.get_bool() <=> b.get_bool();
  if (a.is_null() && b.is_null()) return std::partial_ordering::equivalent;
  return std::partial_ordering::unordered;
}

std::string value_key(const Json& value) {
  std::string key;
  if (value.is_null()) {
    key.push_back(1);
  } else if (value.is_bool()) {
    key.push_back(2);
    key.push_back(value.get_bool() ? 1 : 0);
  } else if (const auto found = number(value)) {
    key.push_back(3);
    const auto bits = std::bit_cast<std::uint64_t>(found->near);
    const auto sign = std::uint64_t{1} << 63;
    append_big_endian(key, (bits & sign) != 0 ? ~bits : bits | sign, 8);
    append_big_endian(key, static_cast<std::uint64_t>(found->rest + 0x8000), 2);
  } else if (value.is_string()) {
    key.push_back(text_kind);
    key += view(value.get_string());
  }
  return key;
}

}  // namespace dspy
