#pragma once

#include <string>
#include <string_view>

// Text as Unicode sees it, for metrics and searches that must know letters of all scripts.  None uses the locale.

namespace dspy::text {

/// The code points of UTF-8 text; invalid bytes become U+FFFD.
std::u32string code_points(std::string_view text);
std::string to_utf8(std::u32string_view points);

/// Canonical decomposition (NFD): `é` is `e` and an accent.
std::u32string to_nfd(std::u32string_view points);
/// Lower case of all scripts, as Python's `str.lower` has it.
std::u32string to_lower(std::u32string_view points);

bool is_letter_or_number(char32_t point) noexcept;
/// A sign on the letter before it, such as an accent.
bool is_mark(char32_t point) noexcept;
bool is_punctuation_or_symbol(char32_t point) noexcept;
/// White space, as Python's `str.split` has it.
bool is_space(char32_t point) noexcept;

/// What answers are compared by: NFD, lower case, without ASCII punctuation and the words a, an and the, and with
/// single blanks.
std::string normalized_answer(std::string_view text);

}  // namespace dspy::text
