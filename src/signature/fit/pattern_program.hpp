#pragma once

#include "character_set.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

// The compiled form of an expression: a nondeterministic machine.

namespace dspy::patterns {

/// One step of the machine.
struct Step {
  enum class Kind : std::uint8_t { character, set, any, split, jump, begin, end, border, no_border, match };
  Kind kind = Kind::match;
  std::uint32_t first = 0;   ///< The character, the index of the set, or the next instruction.
  std::uint32_t second = 0;  ///< The other place of a `split`.
};

struct Program {
  std::vector<Step> steps = {};
  std::vector<CharacterSet> sets = {};
};

/// Throws `PatternFault`.
Program compile(std::string_view expression);

/// True if some part of the text, which must be UTF-8, matches.
bool is_found(const Program& program, std::string_view text);

inline constexpr char32_t no_character = 0xFFFFFFFF;

/// The character at `position`, which moves behind it.
inline char32_t next_character(std::string_view text, std::size_t& position) noexcept {
  const auto first = static_cast<unsigned char>(text[position++]);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t c = first & (0x3FU >> more);
  for (int i = 0; i < more && position < text.size(); ++i)
    c = c << 6 | (static_cast<unsigned char>(text[position++]) & 0x3FU);
  return c;
}

}  // namespace dspy::patterns
