#include "dspy/signature/limits.hpp"

#include <cmath>
#include <compare>

namespace dspy {
namespace {

std::partial_ordering compare(std::int64_t a, double b) noexcept {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  constexpr double limit = 9223372036854775808.0;  // 2^63
  if (b >= limit) return std::partial_ordering::less;
  if (b < -limit) return std::partial_ordering::greater;
  const double whole = std::floor(b);
  const auto order = a <=> static_cast<std::int64_t>(whole);
  if (std::is_neq(order) || whole == b) return order;
  return std::partial_ordering::less;
}

}  // namespace

std::partial_ordering compare(const Number& a, const Number& b) noexcept {
  if (a.is_integer && b.is_integer) return a.integer <=> b.integer;
  if (!a.is_integer && !b.is_integer) return a.real <=> b.real;
  if (a.is_integer) return compare(a.integer, b.real);
  const auto reversed = compare(b.integer, a.real);
  if (std::is_eq(reversed)) return reversed;
  return std::is_lt(reversed) ? std::partial_ordering::greater : std::partial_ordering::less;
}

std::string to_text(const Number& number) {
  return to_text(number.is_integer ? Json(number.integer) : Json(number.real));
}

}  // namespace dspy
