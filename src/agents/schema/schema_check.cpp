#include "agents/schema/schema_check.hpp"

#include "agents/schema/json_equal.hpp"
#include "agents/schema/schema_checker.hpp"
#include "dspy/base/error.hpp"
#include "signature/fit/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr std::size_t most_violations = 20;
constexpr int deepest = 256;

bool has_type(const Json& value, std::string_view name) {
  if (name == "null") return value.is_null();
  if (name == "boolean") return value.is_bool();
  if (name == "object") return value.is_object();
  if (name == "array") return value.is_array();
  if (name == "string") return value.is_string();
  if (name == "number") return value.is_number();
  return value.is_int64() || value.is_uint64() ||
         (value.is_double() && std::isfinite(value.get_double()) &&
          std::floor(value.get_double()) == value.get_double());
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_multiple(const Json& value, const Json& of) {
  if (value.is_int64() && of.is_int64()) return value.get_int64() % of.get_int64() == 0;
  const auto number = value.to_number<double>(), unit = of.to_number<double>();
  // A whole number is a multiple of each part of one, however small.
  const double parts = 1 / unit;
  if (parts >= 1 && std::floor(number) == number && std::abs(parts - std::round(parts)) <= 1e-12 * parts) return true;
  const double quotient = number / unit;
  if (!std::isfinite(quotient) || std::abs(quotient) > 0x1p53) return std::fmod(number, unit) == 0;
  // Decimal fractions are not exact in binary: 0.0075 is 75 times 0.0001.
  return std::abs(quotient - std::round(quotient)) <= 1e-12 * std::max(1.0, std::abs(quotient));
}

int compare(const Json& a, const Json& b) {
  if (a.is_int64() && b.is_int64()) return a.get_int64() < b.get_int64() ? -1 : a.get_int64() > b.get_int64() ? 1 : 0;
  const auto x = a.to_number<double>(), y = b.to_number<double>();
  return x < y ? -1 : x > y ? 1 : 0;
}

std::string type_words(const Json& wanted) {
  if (wanted.is_string()) return std::string(view(wanted.get_string()));
  std::string out;
  for (const auto& each : wanted.get_array()) {
    if (!out.empty()) out += " or ";
    out += view(each.get_string());
  }
  return out;
}

}  // namespace

bool SchemaChecker::check(const Json& schema, const Json& value, const std::string& path, SeenParts& seen) {
  if (schema.is_bool()) return schema.get_bool() || tell(path, "false", value, "is not allowed here");
  if (++depth_ > deepest)
    throw Error(Errc::signature_error, "a JSON Schema refers to itself endlessly; give its recursion a base case");
  const auto* const resource = index_.resource_at(schema);
  const bool enters = resource != nullptr && scope_.back() != resource;
  if (enters) scope_.push_back(resource);
  const auto& object = schema.get_object();
  SeenParts own;
  bool good = references(object, value, path, own);
  good = scalars(object, value, path) && good;
  if (value.is_object()) good = members(object, value, path, own) && good;
  if (value.is_array()) good = items(object, value, path, own) && good;
  good = combined(object, value, path, own) && good;
  if (good) good = unevaluated(object, value, path, own);
  if (good && index_.has_unevaluated()) seen.add(own);
  if (enters) scope_.pop_back();
  --depth_;
  return good;
}

bool SchemaChecker::tell(const std::string& path, std::string_view rule, const Json& value, std::string message) {
  if (found_ != nullptr && found_->size() < most_violations)
    found_->push_back({path, std::string(rule), value_at_fault(value), std::move(message)});
  return false;
}

bool SchemaChecker::quietly(const Json& schema, const Json& value, SeenParts& seen) {
  auto* const told = std::exchange(found_, nullptr);
  const bool good = check(schema, value, "", seen);
  found_ = told;
  return good;
}

bool SchemaChecker::references(const JsonObject& schema, const Json& value, const std::string& path, SeenParts& seen) {
  bool good = true;
  for (const std::string_view keyword : {"$ref", "$dynamicRef"}) {
    const auto* const reference = schema.if_contains(keyword);
    if (reference == nullptr) continue;
    const auto& target = index_.target(*reference);
    const auto* to = target.schema;
    const auto* resource = target.resource;
    if (!target.dynamic_anchor.empty()) {
      for (const auto* const around : scope_) {
        const auto found = around->dynamic_anchors.find(target.dynamic_anchor);
        if (found == around->dynamic_anchors.end()) continue;
        to = found->second;
        resource = around;
        break;
      }
    }
    const bool enters = scope_.back() != resource;
    if (enters) scope_.push_back(resource);
    good = check(*to, value, path, seen) && good;
    if (enters) scope_.pop_back();
  }
  return good;
}

bool SchemaChecker::scalars(const JsonObject& schema, const Json& value, const std::string& path) {
  bool good = true;
  if (const auto* const wanted = schema.if_contains("type")) {
    const auto suits = [&](const Json& name) { return has_type(value, view(name.get_string())); };
    const bool fits = wanted->is_string() ? suits(*wanted) : std::ranges::any_of(wanted->get_array(), suits);
    if (!fits)
      good = tell(path, "type", value, std::format("is {}, not of type {}", kind_of(value), type_words(*wanted)));
  }
  if (const auto* const choices = schema.if_contains("enum")) {
    const auto& all = choices->get_array();
    const auto same = [&](const Json& each) { return json_equal(each, value); };
    if (std::ranges::none_of(all, same))
      good = tell(path, "enum", value,
                  std::format("is {}, not one of {}", shown(value), enumerated({all.begin(), all.end()})));
  }
  if (const auto* const wanted = schema.if_contains("const"); wanted != nullptr && !json_equal(*wanted, value))
    good = tell(path, "const", value, std::format("is {}, not {}", shown(value), shown(*wanted)));
  if (value.is_number()) good = numbers(schema, value, path) && good;
  if (value.is_string()) good = texts(schema, value, path) && good;
  return good;
}

bool SchemaChecker::numbers(const JsonObject& schema, const Json& value, const std::string& path) {
  bool good = true;
  const auto limit = [&](std::string_view keyword, auto breaks, std::string_view words) {
    const auto* const bound = schema.if_contains(keyword);
    if (bound != nullptr && breaks(compare(value, *bound)))
      good = tell(path, keyword, value, std::format("is {}, {} {}", shown(value), words, shown(*bound)));
  };
  limit("minimum", [](int order) { return order < 0; }, "below the minimum");
  limit("maximum", [](int order) { return order > 0; }, "above the maximum");
  limit("exclusiveMinimum", [](int order) { return order <= 0; }, "not above");
  limit("exclusiveMaximum", [](int order) { return order >= 0; }, "not below");
  const auto* const unit = schema.if_contains("multipleOf");
  if (unit != nullptr && !is_multiple(value, *unit))
    good = tell(path, "multipleOf", value, std::format("is {}, not a multiple of {}", shown(value), shown(*unit)));
  return good;
}

bool SchemaChecker::texts(const JsonObject& schema, const Json& value, const std::string& path) {
  const auto text = view(value.get_string());
  bool good = true;
  if (schema.contains("minLength") || schema.contains("maxLength"))
    good = counts(schema, value, path, characters(text), "minLength", "maxLength", "characters");
  const auto* const pattern = schema.if_contains("pattern");
  if (pattern != nullptr && !index_.pattern(view(pattern->get_string())).is_found_in(text))
    good = tell(path, "pattern", value, std::format("does not match the pattern {}", view(pattern->get_string())));
  return good;
}

bool SchemaChecker::counts(const JsonObject& schema, const Json& value, const std::string& path, std::size_t count,
                           std::string_view least, std::string_view most, std::string_view what) {
  bool good = true;
  const auto* const low = schema.if_contains(least);
  if (low != nullptr && static_cast<double>(count) < low->to_number<double>())
    good = tell(path, least, value, std::format("has {} {}, fewer than {}", count, what, shown(*low)));
  const auto* const high = schema.if_contains(most);
  if (high != nullptr && static_cast<double>(count) > high->to_number<double>())
    good = tell(path, most, value, std::format("has {} {}, more than {}", count, what, shown(*high)));
  return good;
}

Violations check_schema(const SchemaIndex& index, const Json& schema, const Json& value) {
  Violations found;
  SeenParts seen;
  if (!SchemaChecker(index, found).check(schema, value, "", seen) && found.empty())
    found.push_back({"", "schema", value_at_fault(value), "does not keep the schema"});
  return found;
}

}  // namespace dspy
