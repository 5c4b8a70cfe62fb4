// Merges the parts of one JSON Schema (`$ref`, `allOf`, its own keywords): a value must be valid for all of them.

#include "schema_keywords.hpp"
#include "schema_node.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::json_schema {
namespace {

bool is_low(std::string_view keyword) noexcept {
  return keyword == "minimum" || keyword == "exclusiveMinimum" || keyword == "minLength" || keyword == "minItems" ||
         keyword == "minProperties";
}
bool is_high(std::string_view keyword) noexcept {
  return keyword == "maximum" || keyword == "exclusiveMaximum" || keyword == "maxLength" || keyword == "maxItems" ||
         keyword == "maxProperties";
}

/// The type names of a `type` keyword.
JsonArray names_of(const Json& type) {
  return type.is_array() ? type.get_array() : JsonArray{type};
}

Json common_types(const Json& a, const Json& b) {
  JsonArray out;
  const auto left = names_of(a);
  const auto right = names_of(b);
  for (const auto& name : left) {
    const bool is_whole = name == Json("integer") && std::ranges::contains(right, Json("number"));
    if (is_whole || std::ranges::contains(right, name)) out.push_back(name);
  }
  if (std::ranges::contains(left, Json("number")) && std::ranges::contains(right, Json("integer")) &&
      !std::ranges::contains(out, Json("integer")))
    out.push_back(Json("integer"));
  return out;
}

Json common_values(const Json& a, const Json& b) {
  JsonArray out;
  for (const auto& value : a.get_array()) {
    if (std::ranges::contains(b.get_array(), value)) out.push_back(value);
  }
  return out;
}

/// True if the schema says something of the members that it does not name.
bool closes(const Node& node) {
  const auto* other = node.find("additionalProperties");
  return other != nullptr && *other->value != Json(true) && *other->value != Json(JsonObject());
}

bool names_all_of(const Node& node, const Node& other) {
  return std::ranges::all_of(other.properties, [&](const auto& property) {
    return std::ranges::contains(node.properties, property.first, [](const auto& each) { return each.first; });
  });
}

}  // namespace

Node Nodes::merge(Node a, const Node& b) {
  a.is_never = a.is_never || b.is_never;
  // `additionalProperties` applies to the properties of its own part only.
  if ((closes(a) && !names_all_of(a, b)) || (closes(b) && !names_all_of(b, a)))
    unsupported(b.pointer, "additionalProperties",
                "`additionalProperties` beside members that another part of the schema names; put all members into one "
                "schema");
  if (a.has_any({"items", "prefixItems"}) && b.find("prefixItems") != nullptr)
    unsupported(b.pointer, "prefixItems", "`prefixItems` in several parts of one schema; keep one of them");
  for (const auto& [name, value] : b.keywords) merge_keyword(a, name, value);
  for (const auto& [name, schema] : b.properties) {
    const auto same = std::ranges::find(a.properties, name, [](const auto& each) { return each.first; });
    if (same == a.properties.end()) {
      a.properties.emplace_back(name, schema);
    } else if (*same->second.value != *schema.value) {
      JsonArray both{*same->second.value, *schema.value};
      same->second.value = &make(JsonObject{{"allOf", std::move(both)}});
    }
  }
  for (const auto& name : b.required) {
    if (!std::ranges::contains(a.required, name)) a.required.push_back(name);
  }
  return a;
}

void Nodes::merge_keyword(Node& into, const std::string& keyword, const Located& value) {
  auto [place, is_new] = into.keywords.emplace(keyword, value);
  auto& known = place->second;
  if (is_new || *known.value == *value.value || is_annotation(keyword)) return;
  const bool are_numbers = known.value->is_number() && value.value->is_number();
  if (are_numbers && (is_low(keyword) || is_high(keyword))) {
    const bool is_larger = value.value->to_number<double>() > known.value->to_number<double>();
    if (is_larger == is_low(keyword)) known = value;
  } else if (keyword == "type") {
    auto both = common_types(*known.value, *value.value);
    into.is_never = into.is_never || both.get_array().empty();
    known = {&make(std::move(both)), value.pointer};
  } else if (keyword == "enum" && known.value->is_array() && value.value->is_array()) {
    auto both = common_values(*known.value, *value.value);
    into.is_never = into.is_never || both.get_array().empty();
    known = {&make(std::move(both)), value.pointer};
  } else if (keyword == "const") {
    into.is_never = true;
  } else if (keyword == "uniqueItems" && value.value->is_bool() && value.value->get_bool()) {
    known = value;
  } else if (keyword == "additionalProperties" || keyword == "items" || keyword == "propertyNames") {
    known = {&make(JsonObject{{"allOf", JsonArray{*known.value, *value.value}}}), value.pointer};
  } else if (keyword != "uniqueItems") {
    unsupported(
        value.pointer, keyword,
        std::format("`{}` occurs in several parts of one schema with different values; keep one of them", keyword));
  }
}

}  // namespace dspy::json_schema
