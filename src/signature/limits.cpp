#include "dspy/signature/limits.hpp"

#include <cmath>

namespace dspy {
namespace {

std::partial_ordering compare(std::int64_t a, double b) noexcept {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  constexpr double limit = 9223372036854775808.0;  // 2^63
  if (b >= limit) return std::partial_ordering::less;
  if (b < -limit) return std::partial_ordering::greater;
  const double whole = std::floor(b);
  const auto order = a <=> static_cast<std::int64_t>(whole);
  if (order != 0 || whole == b) return order;
  return std::partial_ordering::less;
}

}  // namespace

std::partial_ordering compare(const Number& a, const Number& b) noexcept {
  if (a.is_integer && b.is_integer) return a.integer <=> b.integer;
  if (!a.is_integer && !b.is_integer) return a.real <=> b.real;
  if (a.is_integer) return compare(a.integer, b.real);
  return 0 <=> compare(b.integer, a.real);
}

std::string to_text(const Number& number) {
  return to_text(number.is_integer ? Json(number.integer) : Json(number.real));
}

}  // namespace dspy
