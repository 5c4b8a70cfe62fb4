#include "identifier.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"
#include "identifier_table.hpp"

#include <algorithm>
#include <span>

namespace dspy {
namespace {

struct Character {
  char32_t code;
  std::size_t size;
};

/// The first character of a text that is UTF-8.
Character first_character(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t code = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size && i < text.size(); ++i) code = code << 6 | (byte(i) & 0x3FU);
  return {code, std::min(size, text.size())};
}

bool is_among(std::span<const CharacterRange> ranges, char32_t code) noexcept {
  const auto found = std::ranges::lower_bound(ranges, code, {}, &CharacterRange::last);
  return found != ranges.end() && found->first <= code;
}

bool may_start(char32_t code) noexcept {
  if (code < 0x80) return text::is_letter(static_cast<char>(code)) || code == '_';
  return is_among(starting_letters, code);
}

bool may_follow(char32_t code) noexcept {
  return may_start(code) ||
         (code < 0x80 ? text::is_digit(static_cast<char>(code)) : is_among(continuing_letters, code));
}

}  // namespace

std::size_t word_size(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size()) {
    if (static_cast<unsigned char>(text[size]) < 0x80) {  // nearly all
      if (!may_follow(static_cast<unsigned char>(text[size]))) break;
      ++size;
      continue;
    }
    const auto next = first_character(text.substr(size));
    if (!may_follow(next.code)) break;
    size += next.size;
  }
  return size;
}

bool is_identifier(std::string_view text) noexcept {
  const auto follows = [](char c) { return text::is_letter(c) || c == '_' || text::is_digit(c); };
  if (std::ranges::all_of(text, follows)) return !text.empty() && !text::is_digit(text[0]);  // nearly all
  if (!may_start(first_character(text).code)) return false;
  return word_size(text) == text.size() && !text::invalid_utf8(text);
}

}  // namespace dspy
