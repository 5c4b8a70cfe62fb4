#pragma once

#include "llama/mask/expressions/expression.hpp"

#include <cstdint>
#include <string>
#include <vector>

// Characters (code points) as expressions over the bytes of UTF-8.

namespace dspy::llama::mask {

struct CharRange {
  char32_t first = 0;
  char32_t last = 0;

  bool operator==(const CharRange&) const = default;
};

/// A set of characters: sorted ranges that neither touch nor overlap.
class CharSet {
 public:
  CharSet() = default;
  CharSet(std::initializer_list<CharRange> ranges) {
    for (const auto& range : ranges) add(range);
  }

  /// All characters; the surrogates are none.
  static CharSet all();

  void add(CharRange range);
  void add(const CharSet& other) {
    for (const auto& range : other.ranges_) add(range);
  }
  /// All characters that are not in this set.
  CharSet complement() const;
  bool empty() const noexcept { return ranges_.empty(); }
  const std::vector<CharRange>& ranges() const noexcept { return ranges_; }

 private:
  std::vector<CharRange> ranges_;
};

/// Any one character of the set.
Expr one_of(Pool& pool, const CharSet& set);

/// Reads the character at `at` and moves behind it.  The text is UTF-8.
char32_t next_character(std::string_view text, std::size_t& at) noexcept;

}  // namespace dspy::llama::mask
