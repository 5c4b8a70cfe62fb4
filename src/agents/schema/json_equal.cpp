#include "agents/schema/json_equal.hpp"

#include <algorithm>
#include <cmath>

namespace dspy {
namespace {

bool equal_numbers(const Json& a, const Json& b) noexcept {
  if (a.is_double() && b.is_double()) return a.get_double() == b.get_double();
  if (a.is_double() || b.is_double()) {
    const double real = a.is_double() ? a.get_double() : b.get_double();
    const auto& whole = a.is_double() ? b : a;
    if (std::floor(real) != real) return false;
    // Exact where a float can be a 64-bit integer at all.
    if (whole.is_int64())
      return real >= -0x1p63 && real < 0x1p63 && static_cast<std::int64_t>(real) == whole.get_int64();
    return real >= 0 && real < 0x1p64 && static_cast<std::uint64_t>(real) == whole.get_uint64();
  }
  if (a.is_int64() && b.is_int64()) return a.get_int64() == b.get_int64();
  if (a.is_uint64() && b.is_uint64()) return a.get_uint64() == b.get_uint64();
  const auto& with_sign = a.is_int64() ? a : b;
  const auto& without = a.is_int64() ? b : a;
  return with_sign.get_int64() >= 0 && static_cast<std::uint64_t>(with_sign.get_int64()) == without.get_uint64();
}

}  // namespace

bool json_equal(const Json& a, const Json& b) noexcept {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), json_equal);
  if (a.is_object()) {
    const auto& other = b.get_object();
    if (a.get_object().size() != other.size()) return false;
    return std::ranges::all_of(a.get_object(), [&](const auto& member) {
      const auto* const found = other.if_contains(member.key());
      return found != nullptr && json_equal(member.value(), *found);
    });
  }
  return a == b;
}

}  // namespace dspy
