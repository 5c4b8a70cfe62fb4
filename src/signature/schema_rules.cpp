// Sources, as of November 2026: OpenAI's guide to structured outputs; Anthropic's page on
// structured outputs with its limits of complexity; `responseJsonSchema` in Google's API
// reference; grammars/README.md of llama.cpp.

#include "schema_rules.hpp"

#include <algorithm>
#include <array>

namespace dspy::json_schema {
namespace {

using Words = std::string_view;

constexpr std::array openai_keywords = {Words("$ref"),
                                        Words("$defs"),
                                        Words("type"),
                                        Words("title"),
                                        Words("description"),
                                        Words("enum"),
                                        Words("const"),
                                        Words("anyOf"),
                                        Words("properties"),
                                        Words("required"),
                                        Words("additionalProperties"),
                                        Words("items"),
                                        Words("minItems"),
                                        Words("maxItems"),
                                        Words("pattern"),
                                        Words("format"),
                                        Words("minimum"),
                                        Words("maximum"),
                                        Words("exclusiveMinimum"),
                                        Words("exclusiveMaximum"),
                                        Words("multipleOf")};
constexpr std::array anthropic_keywords = {Words("$ref"),       Words("$defs"),       Words("type"),
                                           Words("title"),      Words("description"), Words("enum"),
                                           Words("const"),      Words("anyOf"),       Words("allOf"),
                                           Words("properties"), Words("required"),    Words("additionalProperties"),
                                           Words("items"),      Words("minItems"),    Words("pattern"),
                                           Words("format"),     Words("default")};
constexpr std::array gemini_keywords = {Words("$ref"),
                                        Words("$defs"),
                                        Words("type"),
                                        Words("title"),
                                        Words("description"),
                                        Words("enum"),
                                        Words("anyOf"),
                                        Words("oneOf"),
                                        Words("properties"),
                                        Words("required"),
                                        Words("additionalProperties"),
                                        Words("items"),
                                        Words("prefixItems"),
                                        Words("minItems"),
                                        Words("maxItems"),
                                        Words("format"),
                                        Words("minimum"),
                                        Words("maximum")};
constexpr std::array llama_keywords = {Words("$ref"),
                                       Words("$defs"),
                                       Words("type"),
                                       Words("title"),
                                       Words("description"),
                                       Words("enum"),
                                       Words("const"),
                                       Words("anyOf"),
                                       Words("oneOf"),
                                       Words("allOf"),
                                       Words("properties"),
                                       Words("required"),
                                       Words("additionalProperties"),
                                       Words("items"),
                                       Words("minItems"),
                                       Words("maxItems"),
                                       Words("minLength"),
                                       Words("maxLength"),
                                       Words("pattern"),
                                       Words("format"),
                                       Words("minimum"),
                                       Words("maximum"),
                                       Words("exclusiveMinimum"),
                                       Words("exclusiveMaximum"),
                                       Words("default")};

constexpr std::array provider_formats = {Words("date-time"), Words("time"), Words("date"), Words("duration")};
constexpr std::array llama_formats = {Words("date-time"), Words("time"), Words("date")};

/// Anthropic's engine reads regular expressions without look-around, references and word borders.
std::optional<std::string> anthropic_pattern(std::string_view pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      const char next = pattern[++i];
      if (next == 'b' || next == 'B') return "has no word borders (`\\b`) in patterns";
      if (next >= '1' && next <= '9') return "has no references back to groups in patterns";
    } else if (pattern[i] == '(' && pattern[i + 1] == '?' && !pattern.substr(i).starts_with("(?:")) {
      return "has no look-ahead or look-behind in patterns";
    }
  }
  return std::nullopt;
}

/// llama.cpp strips the first and the last character, so `^a|b$` would become `a|b`.
std::optional<std::string> llama_pattern(std::string_view pattern) {
  if (pattern.size() < 2 || !pattern.starts_with('^') || !pattern.ends_with('$') || pattern.ends_with("\\$"))
    return "takes patterns only from `^` to `$`";
  std::size_t depth = 0;
  bool in_class = false;
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      depth -= depth > 0 ? 1 : 0;
    } else if (c == '|' && depth == 0) {
      return "reads the `|` of this pattern with other ends; put the alternatives into a group";
    }
  }
  return std::nullopt;
}

constexpr Rules openai = {
    .name = "OpenAI's strict mode",
    .keywords = openai_keywords,
    .formats = provider_formats,
    .root_is_object = true,
    .requires_all = true,
    .closes_objects = true,
    .wants_types = true,
    .bare_references = true,
    .enumerates_booleans = true,
    .most_properties = 5000,
    .most_levels = 10,
    .most_choices = 1000,
    .most_characters = 120'000,
};

constexpr Rules anthropic = {
    .name = "Anthropic",
    .keywords = anthropic_keywords,
    .formats = provider_formats,
    .recursion = Recursion::none,
    .closes_objects = true,
    .wants_types = true,
    .bare_references = true,
    .enumerates_booleans = true,
    .most_min_items = 1,
    .pattern_problem = anthropic_pattern,
    .most_optional = 24,
    .most_unions = 16,
};

constexpr Rules gemini = {
    .name = "Gemini",
    .keywords = gemini_keywords,
    .formats = provider_formats,
    .recursion = Recursion::in_optional,
    .bare_references = true,
    .orders_properties = true,
};

constexpr Rules llama = {
    .name = "llama.cpp's grammar",
    .keywords = llama_keywords,
    .formats = llama_formats,
    .closed_by_default = true,
    .bare_references = true,
    .integer_ranges_only = true,
    .enumerates_booleans = true,
    .pattern_problem = llama_pattern,
};

}  // namespace

const Rules& rules_for(SchemaDialect dialect) {
  switch (dialect) {
    case SchemaDialect::openai: return openai;
    case SchemaDialect::anthropic: return anthropic;
    case SchemaDialect::gemini: return gemini;
    case SchemaDialect::json_schema:
    case SchemaDialect::llama: break;
  }
  return llama;
}

}  // namespace dspy::json_schema
