// Sources, as of November 2026: OpenAI's guide to structured outputs; Anthropic's page on
// structured outputs with its limits of complexity; `responseJsonSchema` in Google's API
// reference; grammars/README.md, common/json-schema-to-grammar.cpp and src/llama-grammar.cpp of llama.cpp.

#include "schema_rules.hpp"

#include <algorithm>
#include <array>

namespace dspy::json_schema {
namespace {

using Words = std::string_view;

/// A keyword of JSON Schema, and the letters of the dialects that have it.
struct Keyword {
  Words name;
  Words dialects;
};

// clang-format off
constexpr auto keywords = std::to_array<Keyword>({
    {"$ref", "oagl"},
    {"$defs", "oagl"},
    {"type", "oagl"},
    {"title", "oagl"},
    {"description", "oagl"},
    {"enum", "oagl"},
    {"const", "oa l"},
    {"anyOf", "oagl"},
    {"oneOf", "  gl"},
    {"allOf", " a l"},
    {"properties", "oagl"},
    {"required", "oagl"},
    {"additionalProperties", "oagl"},
    {"items", "oagl"},
    {"prefixItems", "  g"},
    {"minItems", "oagl"},
    {"maxItems", "o gl"},
    {"minLength", "   l"},
    {"maxLength", "   l"},
    {"pattern", "oa l"},
    {"format", "oagl"},
    {"minimum", "o gl"},
    {"maximum", "o gl"},
    {"exclusiveMinimum", "o  l"},
    {"exclusiveMaximum", "o  l"},
    {"multipleOf", "o"},
    {"default", " a l"},
});
// clang-format on

template <char Dialect>
constexpr bool is_in(const Keyword& keyword) {
  return keyword.dialects.contains(Dialect);
}

/// The keywords of one dialect.
template <char Dialect>
constexpr auto keywords_of = [] {
  std::array<Words, std::ranges::count_if(keywords, is_in<Dialect>)> out{};
  std::size_t next = 0;
  for (const auto& keyword : keywords) {
    if (is_in<Dialect>(keyword)) out[next++] = keyword.name;
  }
  return out;
}();

constexpr std::array llama_formats = {Words("date-time"), Words("time"), Words("date")};

/// Anthropic's engine reads regular expressions without look-around, references and word borders.
std::optional<std::string> anthropic_pattern(std::string_view pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      const char next = pattern[++i];
      if (next == 'b' || next == 'B') return "has no word boundaries (`\\b`) in patterns";
      if (next >= '1' && next <= '9') return "has no back references in patterns";
    } else if (pattern[i] == '(' && pattern[i + 1] == '?' && !pattern.substr(i).starts_with("(?:")) {
      return "has no look-ahead or look-behind in patterns";
    }
  }
  return std::nullopt;
}

constexpr Rules openai = {
    .name = "OpenAI's strict mode",
    .keywords = keywords_of<'o'>,
    .root_is_object = true,
    .requires_all = true,
    .closes_objects = true,
    .wants_types = true,
    .most_properties = 5000,
    .most_levels = 10,
    .most_choices = 1000,
    .most_characters = 120'000,
};

constexpr Rules anthropic = {
    .name = "Anthropic",
    .keywords = keywords_of<'a'>,
    .recursion = Recursion::none,
    .closes_objects = true,
    .wants_types = true,
    .most_min_items = 1,
    .pattern_problem = anthropic_pattern,
    .most_optional = 24,
    .most_unions = 16,
};

constexpr Rules gemini = {
    .name = "Gemini",
    .keywords = keywords_of<'g'>,
    .recursion = Recursion::in_optional,
    .orders_properties = true,
    .enumerates_booleans = false,
};

constexpr Rules llama = {
    .name = "llama.cpp's grammar",
    .keywords = keywords_of<'l'>,
    .formats = llama_formats,
    .closed_by_default = true,
    .integer_ranges_only = true,
    .names_limit_other_members = true,
    .pattern_replaces_lengths = true,
    .most_repetitions = 1999,
    .pattern_problem = llama_pattern_problem,
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
