#pragma once

#include "llama/mask/expressions/dfa.hpp"
#include "llama/mask/expressions/expression.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::mask {

/// What a text must satisfy beside being UTF-8.
struct TextLimits {
  std::size_t min_length = 0;  ///< In characters.
  std::size_t max_length = SIZE_MAX;
  std::vector<std::string> patterns = {};  ///< Regular expressions, each of which must match a part.

  bool is_unlimited() const noexcept { return min_length == 0 && max_length == SIZE_MAX && patterns.empty(); }
};

/// What JSON text, or a text, stands in.
enum class Inside {
  nothing,
  xml,          ///< `&` and `<` are written as entities.
  literal_xml,  ///< Nothing is an entity, and JSON has no `<` but as `\u003c`.
};

/// The JSON text of what stands between the quotes.  Of its spellings each character has the shortest one: `\n`, `é`.
Dfa escape_json(const Dfa& text, Inside inside = Inside::nothing);
std::string escape_json(std::string json, Inside inside);

/// The text of XML that stands for a text: `&` and `<` become entities, and what is blank at its ends.
Dfa escape_xml(const Dfa& text);
std::string escape_xml(std::string_view text);

/// The same where text is literal: as it is, or CDATA where that would not be read as it is.
std::string literal_xml(std::string_view text);

/// A key as it stands between the quotes of an attribute.
std::string escape_attribute(std::string_view key);

/// All texts of `base` that match each of the patterns, as an automaton of the pool.  A sentence's end if that cannot
/// be held by a mask: "has a pattern that …".
std::expected<Dfa, std::string> with_patterns(Pool& pool, Dfa base, const std::vector<std::string>& patterns);

/// The texts of an automaton with `min` to `max` characters.
std::expected<Expr, std::string> with_length(Pool& pool, Dfa dfa, std::size_t min, std::size_t max);

/// All texts.
Dfa any_text();

/// The texts within limits as JSON strings, with quotes.
std::expected<Expr, std::string> json_string(Pool& pool, const TextLimits& limits, Inside inside = Inside::nothing);

/// One of the texts.  Common beginnings are shared, so that ten thousand are no problem.
Expr one_of_texts(Pool& pool, std::vector<std::string> texts);

}  // namespace dspy::llama::mask
