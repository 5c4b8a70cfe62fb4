#include "schema_keywords.hpp"

#include <algorithm>
#include <array>

namespace dspy::json_schema {
namespace {

using Word = std::string_view;

constexpr std::array annotations = {
    Word("$schema"),     Word("$comment"),         Word("$defs"),         Word("definitions"),     Word("title"),
    Word("description"), Word("default"),          Word("examples"),      Word("deprecated"),      Word("readOnly"),
    Word("writeOnly"),   Word("contentMediaType"), Word("contentSchema"), Word("propertyOrdering")};

constexpr std::array known = {Word("$ref"),
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

/// Keywords of JSON Schema that no type can express.
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

}  // namespace

bool is_annotation(std::string_view keyword) noexcept {
  return std::ranges::contains(annotations, keyword) || keyword.starts_with("x-");
}

std::span<const std::string_view> assertions() noexcept {
  return known;
}

const std::string_view* remedy_for(std::string_view keyword) noexcept {
  const auto* const found = std::ranges::find(refusals, keyword, &Refusal::keyword);
  return found == refusals.end() ? nullptr : &found->remedy;
}

}  // namespace dspy::json_schema
