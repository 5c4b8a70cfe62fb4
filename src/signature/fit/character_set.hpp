#pragma once

#include <algorithm>
#include <bitset>
#include <utility>
#include <vector>

namespace dspy::patterns {

inline constexpr char32_t last_code_point = 0x10FFFF;

/// A set of code points: a table for ASCII, ranges for the rest.
struct CharacterSet {
  std::bitset<128> ascii = {};
  std::vector<std::pair<char32_t, char32_t>> ranges = {};

  void add(char32_t first, char32_t last) {
    for (char32_t c = first; c < 128 && c <= last; ++c) ascii.set(c);
    if (last >= 128) ranges.emplace_back(std::max<char32_t>(first, 128), last);
  }
  void add(const CharacterSet& other) {
    ascii |= other.ascii;
    ranges.insert(ranges.end(), other.ranges.begin(), other.ranges.end());
  }
  void negate();
  /// Of ASCII.
  void ignore_case();
  bool contains(char32_t c) const {
    if (c < 128) return ascii.test(c);
    return std::ranges::any_of(ranges, [&](const auto& range) { return c >= range.first && c <= range.second; });
  }
};

CharacterSet set_of(char32_t first, char32_t last);
CharacterSet words();
CharacterSet spaces();

constexpr bool is_word(char32_t c) noexcept {
  return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 128);
}

}  // namespace dspy::patterns
