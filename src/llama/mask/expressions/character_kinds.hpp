#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dspy::llama::mask {

/// Characters that states tend to allow all together or not.  Each kind has those of the kinds before it; characters
/// beyond ASCII are of all kinds, control characters of none.
enum class Characters : std::uint8_t {
  words,      ///< None of those that could open something in a reply: brackets, tags, fences, quotes.
  plain,      ///< What a JSON string holds as it is.
  printable,  ///< Quotes and backslashes too.
};

inline constexpr std::size_t character_kinds = 3;

/// The first kind that a character of ASCII belongs to, none of them for a control character.
constexpr std::size_t kind_of(unsigned char byte) noexcept {
  if (byte < 0x20) return character_kinds;
  const auto is_one_of = [&](std::string_view set) { return set.contains(static_cast<char>(byte)); };
  return is_one_of("\"\\") ? 2 : is_one_of("[<&`") ? 1 : 0;
}

}  // namespace dspy::llama::mask
