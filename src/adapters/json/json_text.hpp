#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

// Characters of JSON as models write it.

namespace dspy::json_text {

inline constexpr std::string_view blanks = " \t\r\n";
/// Longer keys are not looked for.
inline constexpr std::size_t longest_key = 256;

inline std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept {
  return std::min(text.find_first_not_of(blanks, at), text.size());
}

/// True for characters allowed in an unquoted key.
inline bool is_word_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

/// The size of the quotation mark at `at`, straight or curly; 0 if there is none.
inline std::size_t quote_at(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size()) return 0;
  if (text[at] == '"' || text[at] == '\'') return 1;
  const auto mark = text.substr(at, 3);
  return mark == "“" || mark == "”" || mark == "„" || mark == "‘" || mark == "’" ? 3 : 0;
}

}  // namespace dspy::json_text
