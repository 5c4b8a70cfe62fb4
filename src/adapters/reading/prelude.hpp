#pragma once

#include "adapters/sections/labels.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What precedes the actual reply: a byte order mark, and the thoughts that reasoning models write between `<think>`
/// and `</think>`, or other marks that do not name a field.
struct Prelude {
  enum class Kind {
    none,      ///< The reply begins at `end`.
    open,      ///< Thoughts have no end.
    possible,  ///< The text is too short to tell.
  };

  Kind kind = Kind::none;
  std::size_t end = 0;
  bool has_thoughts = false;
  std::string closing = {};  ///< Of thoughts without an end: the mark that would end them.
};

/// A blank, a control character, or a byte of a character beyond ASCII.
constexpr bool is_blank_or_wide(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte >= 0x80;
}

/// A cheap test: false if the text surely has no prelude.
constexpr bool may_have_prelude(std::string_view text) noexcept {
  if (text.empty()) return true;
  return is_blank_or_wide(text[0]) || text[0] == '<' || text[0] == '[' || text[0] == 'a';
}

Prelude find_prelude(std::string_view text, const Labels& labels);

/// The position of the mark that ends thoughts, from `from` on, in any letter case; `npos` if there is none.
std::size_t find_closing(std::string_view text, std::string_view closing, std::size_t from) noexcept;

/// A cheap test: false if surely no mark in the text ends thoughts or a message.
constexpr bool may_end_thoughts(std::string_view text) noexcept {
  const bool may_be_bare = !text.empty() && (is_blank_or_wide(text[0]) || text[0] == 'a');
  return may_be_bare || text.contains('/') || text.contains('|');
}

/// A mark that ends thoughts.
struct ThoughtsEnd {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The last few marks that end thoughts in the text from `from` on, the last one first.  Templates
/// that open the thoughts themselves leave such a mark alone in the reply.
std::vector<ThoughtsEnd> find_ends_of_thoughts(std::string_view text, std::size_t from, const Labels& labels);

/// True if the text contains a mark that opens thoughts.
bool opens_thoughts(std::string_view text, const Labels& labels);

/// The text without what ends a message of a model that writes in channels.
std::string_view without_end_of_message(std::string_view text) noexcept;

}  // namespace dspy
