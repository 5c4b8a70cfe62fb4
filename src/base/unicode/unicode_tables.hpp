#pragma once

// Written by tools/unicode_tables.py.

#include <array>
#include <cstdint>

namespace dspy::unicode {

struct Range {
  char32_t first, last;
};
struct Class {
  char32_t first, last;
  std::uint8_t value;
};
/// Each `step`th point is `distance` away from its lower case, modulo 2^32.
struct Lower {
  char32_t first, last;
  std::uint32_t step, distance;
};
struct Single {
  char32_t point, first;
};
struct Double {
  char32_t point, first, second;
};

extern const std::array<Range, 733> letters_and_numbers;
extern const std::array<Range, 299> marks;
extern const std::array<Range, 338> punctuation_and_symbols;
extern const std::array<Class, 382> combining_classes;
extern const std::array<Lower, 181> lower_cases;
extern const std::array<Single, 1035> singles;
extern const std::array<Double, 1026> doubles;

}  // namespace dspy::unicode
