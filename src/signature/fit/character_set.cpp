#include "character_set.hpp"

namespace dspy::patterns {

void CharacterSet::negate() {
  ascii.flip();
  std::ranges::sort(ranges);
  std::vector<std::pair<char32_t, char32_t>> rest;
  char32_t next = 128;
  for (const auto& [first, last] : ranges) {
    if (first > next) rest.emplace_back(next, first - 1);
    next = std::max<char32_t>(next, last + 1);
  }
  if (next <= last_code_point) rest.emplace_back(next, last_code_point);
  ranges = std::move(rest);
}

void CharacterSet::ignore_case() {
  for (char32_t c = 'a'; c <= 'z'; ++c) {
    const char32_t upper = c - 'a' + 'A';
    if (!ascii.test(c) && !ascii.test(upper)) continue;
    ascii.set(c);
    ascii.set(upper);
  }
}

CharacterSet set_of(char32_t first, char32_t last) {
  CharacterSet set;
  set.add(first, last);
  return set;
}

CharacterSet words() {
  auto set = set_of('a', 'z');
  set.add('A', 'Z');
  set.add('0', '9');
  set.add('_', '_');
  return set;
}

CharacterSet spaces() {
  auto set = set_of('\t', '\r');
  set.add(' ', ' ');
  return set;
}

}  // namespace dspy::patterns
