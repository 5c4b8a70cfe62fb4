#include "schema_node.hpp"

#include "dspy/base/json_pointer.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy::json_schema {
namespace {

using Word = std::string_view;

constexpr int deepest = 200;

constexpr std::array annotations = {
    Word("$schema"),     Word("$comment"),         Word("$defs"),         Word("definitions"),     Word("title"),
    Word("description"), Word("default"),          Word("examples"),      Word("deprecated"),      Word("readOnly"),
    Word("writeOnly"),   Word("contentMediaType"), Word("contentSchema"), Word("propertyOrdering")};

constexpr std::array assertions = {Word("$ref"),
                                   Word("allOf"),
                                   Word("anyOf"),
                                   Word("oneOf"),
                                   Word("type"),
                                   Word("enum"),
                                   Word("const"),
                                   Word("properties"),
                                   Word("required"),
                                   Word("additionalProperties"),
                                   Word("propertyNames"),
                                   Word("minProperties"),
                                   Word("maxProperties"),
                                   Word("items"),
                                   Word("prefixItems"),
                                   Word("minItems"),
                                   Word("maxItems"),
                                   Word("uniqueItems"),
                                   Word("minLength"),
                                   Word("maxLength"),
                                   Word("pattern"),
                                   Word("minimum"),
                                   Word("maximum"),
                                   Word("exclusiveMinimum"),
                                   Word("exclusiveMaximum"),
                                   Word("multipleOf"),
                                   Word("format"),
                                   Word("contentEncoding")};

struct Refusal {
  std::string_view keyword;
  std::string_view remedy;
};

/// Keywords of JSON Schema that a type cannot say.
constexpr std::array refusals = {
    Refusal{"not", "say what is allowed instead"},
    Refusal{"if", "use `anyOf` with an alternative for each case"},
    Refusal{"then", "use `anyOf` with an alternative for each case"},
    Refusal{"else", "use `anyOf` with an alternative for each case"},
    Refusal{"dependentRequired", "use `anyOf` with an alternative for each case"},
    Refusal{"dependentSchemas", "use `anyOf` with an alternative for each case"},
    Refusal{"patternProperties", "use `additionalProperties`, with `propertyNames` for the keys"},
    Refusal{"contains", "check it with a validator"},
    Refusal{"minContains", "check it with a validator"},
    Refusal{"maxContains", "check it with a validator"},
    Refusal{"unevaluatedProperties", "use `additionalProperties`"},
    Refusal{"unevaluatedItems", "use `items`"},
    Refusal{"$anchor", "refer to it with a JSON Pointer, such as `#/$defs/Name`"},
    Refusal{"$dynamicRef", "use `$ref`"},
    Refusal{"$dynamicAnchor", "use `$defs` and `$ref`"},
    Refusal{"$vocabulary", "leave it to meta-schemas"},
    Refusal{"$id", "keep `$id` at the root, and refer with `#/$defs/Name`"},
    Refusal{"additionalItems", "use `items`, as JSON Schema 2020-12 does"},
    Refusal{"dependencies", "use `anyOf` with an alternative for each case"},
    Refusal{"nullable", "use `anyOf` with `{\"type\": \"null\"}`"},
};

bool is_low(std::string_view keyword) noexcept {
  return keyword == "minimum" || keyword == "exclusiveMinimum" || keyword == "minLength" || keyword == "minItems" ||
         keyword == "minProperties";
}
bool is_high(std::string_view keyword) noexcept {
  return keyword == "maximum" || keyword == "exclusiveMaximum" || keyword == "maxLength" || keyword == "maxItems" ||
         keyword == "maxProperties";
}

/// `%41` → `A`, as in URLs.
std::string percent_decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
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

bool is_annotation(std::string_view keyword) noexcept {
  return std::ranges::contains(annotations, keyword) || keyword.starts_with("x-");
}

void fail(const std::string& pointer, std::string_view keyword, std::string message) {
  throw Fault{pointer, std::string(keyword), std::move(message)};
}

const JsonArray& array_at(const Located& keyword, std::string_view name) {
  if (!keyword.value->is_array()) fail(keyword.pointer, name, std::format("`{}` must be a list", name));
  return keyword.value->get_array();
}

const Located* Node::find(std::string_view keyword) const {
  const auto found = keywords.find(keyword);
  return found == keywords.end() ? nullptr : &found->second;
}

bool Node::has_any(std::initializer_list<std::string_view> names) const {
  return std::ranges::any_of(names, [&](std::string_view name) { return find(name) != nullptr; });
}

void Nodes::note(const std::string& pointer, std::string_view keyword, std::string message) {
  gaps_.push_back({pointer, std::string(keyword), std::move(message)});
}

void Nodes::unsupported(const std::string& pointer, std::string_view keyword, std::string message) {
  if (!allow_unsupported_) fail(pointer, keyword, std::move(message));
  note(pointer, keyword, "left out: " + std::move(message));
}

Located Nodes::resolve(const Located& reference) const {
  if (!reference.value->is_string()) fail(reference.pointer, "$ref", "`$ref` must be text");
  const auto target = view(reference.value->get_string());
  if (!target.starts_with('#'))
    fail(reference.pointer, "$ref",
         std::format("`$ref` to `{}` leads out of this schema, and nothing is fetched; put it under `$defs`", target));
  const auto pointer = percent_decoded(target.substr(1));
  if (!pointer.empty() && !pointer.starts_with('/'))
    fail(reference.pointer, "$ref",
         std::format("`$ref` to the anchor `{}`; refer to it with a JSON Pointer, such as `#/$defs/Name`", target));
  const auto* found = find_at(root_, pointer);
  if (found == nullptr)
    fail(reference.pointer, "$ref", std::format("`$ref` to `{}`, and nothing stands there", target));
  return {found, pointer};
}

Node Nodes::gather(const Located& schema) {
  Node node;
  node.pointer = schema.pointer;
  if (schema.value->is_bool()) {
    node.is_never = !schema.value->get_bool();
    return node;
  }
  if (!schema.value->is_object())
    fail(schema.pointer, "schema",
         std::format("a schema must be an object or a boolean, not {}", to_text(*schema.value)));
  if (depth_ == deepest) fail(schema.pointer, "$ref", "its references lead back to itself without end");
  ++depth_;
  for (const auto& member : schema.value->get_object())
    keyword(node, member.key(), {&member.value(), step_into(schema.pointer, member.key())});
  const auto add = [&](const Located& part) {
    auto other = gather(part);
    node = merge(std::move(node), other);
  };
  if (const auto* ref = schema.value->get_object().if_contains("$ref"))
    add(resolve({ref, step_into(schema.pointer, "$ref")}));
  if (const auto* all = schema.value->get_object().if_contains("allOf")) {
    const Located located{all, step_into(schema.pointer, "allOf")};
    for (std::size_t i = 0; i < array_at(located, "allOf").size(); ++i)
      add({&all->get_array()[i], step_into(located.pointer, std::to_string(i))});
  }
  --depth_;
  return node;
}

void Nodes::keyword(Node& node, std::string_view keyword, const Located& value) {
  if (keyword == "$ref" || keyword == "allOf") return;
  if (keyword == "$id" && value.pointer == "/$id") return;
  if (keyword == "properties") {
    if (!value.value->is_object()) fail(value.pointer, keyword, "`properties` must be an object");
    for (const auto& member : value.value->get_object())
      node.properties.push_back({std::string(member.key()), {&member.value(), step_into(value.pointer, member.key())}});
  } else if (keyword == "required") {
    for (const auto& name : array_at(value, keyword)) {
      if (!name.is_string()) fail(value.pointer, keyword, "`required` must be a list of names");
      if (!std::ranges::contains(node.required, view(name.get_string())))
        node.required.emplace_back(view(name.get_string()));
    }
  } else if (std::ranges::contains(assertions, keyword) || is_annotation(keyword)) {
    node.keywords.emplace(keyword, value);
  } else if (const auto known = std::ranges::find(refusals, keyword, &Refusal::keyword); known != refusals.end()) {
    unsupported(value.pointer, keyword, std::format("a type cannot say `{}`; {}", keyword, known->remedy));
  } else {
    std::vector<std::string> names(assertions.begin(), assertions.end());
    const auto nearest = text::nearest(keyword, names);
    unsupported(value.pointer, keyword,
                std::format("`{}` is not a keyword of JSON Schema 2020-12; {}", keyword,
                            nearest ? std::format("did you mean `{}`?", *nearest)
                                    : std::string("a keyword of one's own begins with `x-`")));
  }
}

Node Nodes::merge(Node a, const Node& b) {
  a.is_never = a.is_never || b.is_never;
  // Each part's `additionalProperties` sees the properties of that part alone.
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
        std::format("`{}` stands in several parts of one schema with different values; keep one of them", keyword));
  }
}

}  // namespace dspy::json_schema
