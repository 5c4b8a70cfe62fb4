// Whether a value of the right type keeps the type's limits.

#include "dspy/base/base64.hpp"
#include "fit.hpp"
#include "fit_findings.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <format>
#include <unordered_set>

namespace dspy {
namespace {

std::size_t count_characters(std::string_view text) noexcept {
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

/// A number in a sentence: `5` for 5.0.
std::string plain(const Number& number) {
  return number.is_integer ? std::to_string(number.integer) : std::format("{}", number.real);
}

bool is_multiple(const Number& number, const Number& unit) {
  if (number.is_integer && unit.is_integer)
    return unit.integer == -1 || (unit.integer != 0 && number.integer % unit.integer == 0);
  // Floats are compared with some slack, for 0.3 is not an exact multiple of 0.1.
  const double value = number.value();
  return std::abs(std::remainder(value, unit.value())) <= std::abs(value) / 1e9;
}

bool range(const Limits& limits, Number number, const Json& value, Findings& findings) {
  bool fits = true;
  const auto tell = [&](std::string_view rule, std::string_view relation, const Number& limit) {
    fits = findings.broken(
        rule, value, std::format("is {}, {} {}", number.value() == 0 ? "0" : plain(number), relation, plain(limit)));
  };
  if (limits.ge && std::is_lt(compare(number, *limits.ge))) tell("ge", "below the minimum", *limits.ge);
  if (limits.gt && !std::is_gt(compare(number, *limits.gt))) tell("gt", "not above", *limits.gt);
  if (limits.le && std::is_gt(compare(number, *limits.le))) tell("le", "above the maximum", *limits.le);
  if (limits.lt && !std::is_lt(compare(number, *limits.lt))) tell("lt", "not below", *limits.lt);
  if (limits.multiple_of && !is_multiple(number, *limits.multiple_of))
    tell("multiple_of", "not a multiple of", *limits.multiple_of);
  return fits;
}

bool length(const Type& type, const Limits& limits, const Json& value, Findings& findings) {
  std::size_t length = 0;
  std::string_view unit = "item";
  if (const auto* text = value.if_string()) {
    const bool is_bytes = type.kind == Type::Kind::bytes;
    unit = is_bytes ? "byte" : "character";
    length = is_bytes ? base64::decoded_size(view(*text)).value_or(0) : count_characters(view(*text));
  } else if (const auto* items = value.if_array()) {
    length = items->size();
  } else if (const auto* members = value.if_object()) {
    length = members->size();
  } else {
    return true;
  }
  const auto tell = [&](std::string_view rule, std::string_view relation, std::size_t limit) {
    return findings.broken(rule, value,
                           std::format("has {} {}{}, {} {}", length, unit, length == 1 ? "" : "s", relation, limit));
  };
  if (limits.min_length && length < *limits.min_length)
    return tell("min_length", "below the minimum", *limits.min_length);
  if (limits.max_length && length > *limits.max_length)
    return tell("max_length", "above the maximum", *limits.max_length);
  return true;
}

bool unique(const JsonArray& items, Findings& findings) {
  constexpr std::size_t few = 16;  // up to here looking at each one is faster than hashing
  std::unordered_set<Json> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool repeated = items.size() <= few ? std::ranges::contains(items.begin(), items.begin() + i, items[i])
                                              : !seen.insert(items[i]).second;
    if (!repeated) continue;
    const auto inside = findings.inside(i);
    return findings.broken("unique_items", items[i], "stands there already");
  }
  return true;
}

}  // namespace

bool keeps_limits(const Type& type, const Json& value, Findings& findings) {
  const auto& limits = *type.limits;
  bool fits = true;
  if (value.is_int64()) fits = range(limits, value.get_int64(), value, findings);
  if (value.is_double()) fits = range(limits, value.get_double(), value, findings);
  if (limits.min_length || limits.max_length) fits = length(type, limits, value, findings) && fits;
  if (!limits.pattern.empty() && value.is_string() && !limits.pattern.is_found_in(view(value.get_string())))
    fits = findings.broken("pattern", value,
                           std::format("is `{}`, which does not match `{}`", shown(value), limits.pattern.text()));
  if (limits.unique_items && value.is_array()) fits = unique(value.get_array(), findings) && fits;
  if (!limits.one_of.empty() && !std::ranges::contains(limits.one_of, value))
    fits = findings.broken("one_of", value,
                           std::format("is `{}`, not one of {}", shown(value), enumerated(limits.one_of)));
  return fits;
}

}  // namespace dspy
