#pragma once

#include "character_set.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace dspy::patterns {

/// An expression that is read from the left: its characters, escapes and sets in brackets.
class PatternText {
 protected:
  explicit PatternText(std::string_view text) : text_(text) {}

  bool at_end() const noexcept { return position_ == text_.size(); }
  char here() const noexcept { return at_end() ? '\0' : text_[position_]; }
  bool take(char c) noexcept {
    if (at_end() || here() != c) return false;
    ++position_;
    return true;
  }

  /// `\d` and its like.
  static std::optional<CharacterSet> shorthand(char32_t letter);
  /// The character of an escape, after its backslash.
  char32_t escaped(std::size_t start);
  /// The set whose `[` was read.
  CharacterSet bracketed(std::size_t start);

  /// Throws `PatternFault`.
  [[noreturn]] void fail(std::string_view what, std::size_t position, std::string_view remedy) const;

  std::string_view text_;
  std::size_t position_ = 0;
  bool ignore_case_ = false;

 private:
  char32_t hexadecimal(std::size_t start, std::size_t digits);
  /// A character, or nothing where a set was added.
  std::optional<char32_t> bracketed_character(CharacterSet& out);
};

}  // namespace dspy::patterns
