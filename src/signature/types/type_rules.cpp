// Which limits suit which types.

#include "type_rules.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/field.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <format>
#include <limits>
#include <utility>

namespace dspy {
namespace {

bool is_number(Type::Kind kind) noexcept {
  return kind == Type::Kind::integer || kind == Type::Kind::number;
}
bool is_collection(Type::Kind kind) noexcept {
  return kind == Type::Kind::list || kind == Type::Kind::dict;
}
bool is_text(Type::Kind kind) noexcept {
  return kind == Type::Kind::string || kind == Type::Kind::code || kind == Type::Kind::reasoning;
}

}  // namespace

bool can_be_key(const Type& type) noexcept {
  using enum Type::Kind;
  return type.kind == string || type.kind == integer || type.kind == literal;
}

bool suits(Type::Kind kind, std::string_view rule) noexcept {
  using enum Type::Kind;
  if (rule == "allow_inf_nan") return kind == number;
  if (rule == "unique_items") return kind == list;
  if (rule == "pattern") return is_text(kind);
  if (rule == "min_length" || rule == "max_length") return is_text(kind) || is_collection(kind) || kind == bytes;
  if (rule == "one_of") return kind != boolean && kind != null_ && kind != literal && kind != reference;
  return is_number(kind);
}

std::vector<std::string_view> rules_of(const Limits& limits) {
  std::vector<std::string_view> rules;
  if (limits.gt) rules.emplace_back("gt");
  if (limits.ge) rules.emplace_back("ge");
  if (limits.lt) rules.emplace_back("lt");
  if (limits.le) rules.emplace_back("le");
  if (limits.multiple_of) rules.emplace_back("multiple_of");
  if (limits.min_length) rules.emplace_back("min_length");
  if (limits.max_length) rules.emplace_back("max_length");
  if (!limits.pattern.empty()) rules.emplace_back("pattern");
  if (!limits.one_of.empty()) rules.emplace_back("one_of");
  if (limits.unique_items) rules.emplace_back("unique_items");
  if (limits.allow_inf_nan) rules.emplace_back("allow_inf_nan");
  return rules;
}

std::string_view suited_by(std::string_view rule) noexcept {
  if (rule == "allow_inf_nan") return "only `float` may be infinite";
  if (rule == "unique_items") return "only `list` has items";
  if (rule == "pattern") return "only `str` can match a pattern";
  if (rule == "min_length" || rule == "max_length") return "only `str`, `bytes`, `list` and `dict` have a length";
  if (rule == "one_of") return "write its values as a `Literal`";
  return "only `int` and `float` have a range";
}

namespace {

bool is_above(const Number& a, const Number& b) {
  return std::is_gt(compare(a, b));
}

/// Bounds that the type has, such as those of a C++ integer, stay where `added` is wider, and go
/// where it implies them.
void keep_type_bounds(const Type& type, const Limits& added, Limits& merged) {
  const auto& own = *type.limits;
  if (own.ge && added.ge && is_above(*own.ge, *added.ge)) merged.ge = own.ge;
  if (own.le && added.le && is_above(*added.le, *own.le)) merged.le = own.le;
  if (own.ge && !added.ge && added.gt && !is_above(*own.ge, *added.gt)) merged.ge = std::nullopt;
  if (own.le && !added.le && added.lt && !is_above(*added.lt, *own.le)) merged.le = std::nullopt;
}

/// Adds each limit where it suits and takes its name off `left`.
void add_limits(Type& type, const Limits& limits, std::vector<std::string_view>& left) {
  if (type.kind == Type::Kind::optional || type.kind == Type::Kind::union_) {
    auto unsuited = left;
    for (auto& each : type.arguments) {
      auto rest = left;
      add_limits(each, limits, rest);
      std::erase_if(unsuited, [&](std::string_view rule) { return !std::ranges::contains(rest, rule); });
    }
    left = std::move(unsuited);
    return;
  }
  // Several choices named for a type are a literal of them, as far as a literal can hold them.
  const bool narrows = type.kind == Type::Kind::string || type.kind == Type::Kind::integer;
  if (narrows && !limits.one_of.empty()) {
    auto choices = Type::literal(limits.one_of);
    if (std::ranges::all_of(choices.choices, [&](Json& choice) { return fit(type, choice).has_value(); })) {
      type = std::move(choices);
      std::erase(left, "one_of");
    }
    return;
  }
  std::vector<std::string_view> rest;
  auto merged = *type.limits;
  for (const auto rule : left) {
    if (!suits(type.kind, rule)) {
      rest.push_back(rule);
      continue;
    }
    if (rule == "gt") merged.gt = limits.gt;
    if (rule == "ge") merged.ge = limits.ge;
    if (rule == "lt") merged.lt = limits.lt;
    if (rule == "le") merged.le = limits.le;
    if (rule == "multiple_of") merged.multiple_of = limits.multiple_of;
    if (rule == "min_length") merged.min_length = limits.min_length;
    if (rule == "max_length") merged.max_length = limits.max_length;
    if (rule == "pattern") merged.pattern = limits.pattern;
    if (rule == "one_of") merged.one_of = limits.one_of;
    if (rule == "unique_items") merged.unique_items = true;
    if (rule == "allow_inf_nan") merged.allow_inf_nan = true;
  }
  keep_type_bounds(type, limits, merged);
  if (merged != *type.limits) type.limits = std::move(merged);
  left = std::move(rest);
}

}  // namespace

std::optional<std::string> add_limits(Type& type, const Limits& limits) {
  auto left = rules_of(limits);
  add_limits(type, limits, left);
  if (left.empty()) return std::nullopt;
  return std::format("the limit `{}` does not suit `{}`; {}", left[0], annotation_name(type), suited_by(left[0]));
}

bool is_machine_bound(const Number& bound) {
  if (!bound.is_integer) return false;
  using std::numeric_limits;
  return bound.integer == numeric_limits<std::int32_t>::min() || bound.integer == numeric_limits<std::int32_t>::max() ||
         bound.integer == numeric_limits<std::uint32_t>::max() ||
         bound.integer == numeric_limits<std::int64_t>::min() || bound.integer == numeric_limits<std::int64_t>::max();
}

Limits without_machine_bounds(Limits limits) {
  if (limits.ge && is_machine_bound(*limits.ge)) limits.ge = std::nullopt;
  if (limits.le && is_machine_bound(*limits.le)) limits.le = std::nullopt;
  return limits;
}

Type without_machine_bounds(Type type) {
  if (type.limits.is_set()) type.limits = without_machine_bounds(*type.limits);
  for (auto& argument : type.arguments) argument = without_machine_bounds(std::move(argument));
  if (!type.members->empty()) {
    for (auto& member : type.members.edit()) member.type = without_machine_bounds(std::move(member.type));
  }
  return type;
}

Type without_limits(Type type) {
  if (type.limits.is_set()) type.limits = {.unique_items = type.limits->unique_items};
  for (auto& argument : type.arguments) argument = without_limits(std::move(argument));
  if (!type.members->empty()) {
    for (auto& member : type.members.edit()) member.type = without_limits(std::move(member.type));
  }
  return type;
}

Type with_limits(Type type, const Limits& limits) {
  if (const auto problem = add_limits(type, limits)) throw Error(Errc::signature_error, *problem);
  return type;
}

}  // namespace dspy
