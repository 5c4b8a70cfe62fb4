#include "schema_limits.hpp"

#include <format>
#include <optional>
#include <string_view>

namespace dspy::json_schema {
namespace {

Json to_json(const Number& number) {
  return number.is_integer ? Json(number.integer) : Json(number.real);
}

bool is_text(Type::Kind kind) noexcept {
  return kind == Type::Kind::string || kind == Type::Kind::code || kind == Type::Kind::reasoning;
}

void lengths(Type::Kind kind, const Limits& limits, const std::string& path, JsonObject& out,
             std::vector<SchemaGap>& gaps) {
  if (kind == Type::Kind::bytes) {
    constexpr std::string_view base64 = "a schema counts the characters of base64, not the bytes";
    if (limits.min_length) gaps.push_back({path, "min_length", std::string(base64)});
    if (limits.max_length) gaps.push_back({path, "max_length", std::string(base64)});
    return;
  }
  const std::string_view unit = is_text(kind) ? "Length" : kind == Type::Kind::dict ? "Properties" : "Items";
  if (limits.min_length) out[std::format("min{}", unit)] = *limits.min_length;
  if (limits.max_length) out[std::format("max{}", unit)] = *limits.max_length;
}

}  // namespace

void write_limits(const Type& type, const std::string& path, JsonObject& out, std::vector<SchemaGap>& gaps) {
  const auto& limits = *type.limits;
  const auto number = [&](std::string_view keyword, const std::optional<Number>& value) {
    if (value) out[keyword] = to_json(*value);
  };
  number("exclusiveMinimum", limits.gt);
  number("minimum", limits.ge);
  number("exclusiveMaximum", limits.lt);
  number("maximum", limits.le);
  number("multipleOf", limits.multiple_of);
  lengths(type.kind, limits, path, out, gaps);
  if (!limits.pattern.empty()) out["pattern"] = limits.pattern.text();
  if (!limits.one_of.empty()) out["enum"] = JsonArray(limits.one_of.begin(), limits.one_of.end());
  if (limits.unique_items) out["uniqueItems"] = true;
  if (limits.allow_inf_nan) gaps.push_back({path, "allow_inf_nan", "JSON has no infinity and no NaN"});
}

}  // namespace dspy::json_schema
