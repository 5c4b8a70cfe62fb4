#include "dspy/base/unicode.hpp"

#include "base/unicode/unicode_tables.hpp"
#include "base/unicode/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dspy::text {
namespace {

/// The entry of a sorted table whose range holds `point`, or null.
template <class Table>
const typename Table::value_type* find(const Table& table, char32_t point) noexcept {
  const auto after = std::ranges::upper_bound(table, point, {}, [](const auto& entry) { return entry.first; });
  if (after == table.begin() || (after - 1)->last < point) return nullptr;
  return &*(after - 1);
}

std::uint8_t combining_class(char32_t point) noexcept {
  if (point < 0x300) return 0;
  const auto* const found = find(unicode::combining_classes, point);
  return found != nullptr ? found->value : std::uint8_t{0};
}

char32_t lower(char32_t point) noexcept {
  if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 0x20 : point;
  const auto* const found = find(unicode::lower_cases, point);
  if (found == nullptr || (point - found->first) % found->step != 0) return point;
  return static_cast<char32_t>(point + found->distance);
}

// Syllables of Hangul are composed by arithmetic (The Unicode Standard, 3.12).
constexpr char32_t first_syllable = 0xAC00, syllables = 11172, first_lead = 0x1100, first_vowel = 0x1161,
                   first_trail = 0x11A7, vowels = 21, trails = 28;

void append_decomposed(std::u32string& out, char32_t point) {
  if (point < 0xC0) {
    out += point;
    return;
  }
  if (const auto syllable = point - first_syllable; point >= first_syllable && syllable < syllables) {
    out += first_lead + syllable / (vowels * trails);
    out += first_vowel + syllable % (vowels * trails) / trails;
    if (syllable % trails != 0) out += first_trail + syllable % trails;
    return;
  }
  if (const auto found = std::ranges::lower_bound(unicode::doubles, point, {}, &unicode::Double::point);
      found != unicode::doubles.end() && found->point == point) {
    append_decomposed(out, found->first);
    append_decomposed(out, found->second);
  } else if (const auto one = std::ranges::lower_bound(unicode::singles, point, {}, &unicode::Single::point);
             one != unicode::singles.end() && one->point == point) {
    append_decomposed(out, one->first);
  } else {
    out += point;
  }
}

/// A letter of a word is on the side of a sigma to which `step` leads; marks and apostrophes are passed over.
bool has_letter(std::u32string_view points, std::size_t at, bool forward) noexcept {
  while (forward ? at + 1 < points.size() : at > 0) {
    at = forward ? at + 1 : at - 1;
    const auto point = points[at];
    if (is_mark(point) || point == U'\'' || point == U'\u2019' || point == U'.' || point == U'\u00AD') continue;
    return is_letter_or_number(point) && !(point >= U'0' && point <= U'9');
  }
  return false;
}

}  // namespace

std::u32string code_points(std::string_view text) {
  constexpr char32_t broken = 0xFFFD;
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 0;
    char32_t point = length == 1 ? byte : length == 0 ? broken : byte & (0x7FU >> length);
    bool is_whole = length > 0 && byte < 0xF5 && i + length <= text.size();
    for (std::size_t k = 1; is_whole && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      is_whole = (next & 0xC0U) == 0x80;
      point = point << 6 | (next & 0x3FU);
    }
    constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
    is_whole = is_whole && point >= least[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    out += is_whole ? point : broken;
    i += is_whole ? length : 1;
  }
  return out;
}

std::string to_utf8(std::u32string_view points) {
  std::string out;
  out.reserve(points.size());
  for (const auto point : points) append_utf8(out, point);
  return out;
}

std::u32string to_nfd(std::u32string_view points) {
  std::u32string out;
  out.reserve(points.size());
  for (const auto point : points) append_decomposed(out, point);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (combining_class(out[i]) == 0) continue;
    auto end = i;
    while (end < out.size() && combining_class(out[end]) != 0) ++end;
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(end),
                     [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    i = end - 1;
  }
  return out;
}

std::u32string to_lower(std::u32string_view points) {
  std::u32string out;
  out.reserve(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto point = points[i];
    if (point == U'\u0130') {
      out += U"i\u0307";
    } else if (point == U'\u03A3') {
      const bool is_last = has_letter(points, i, false) && !has_letter(points, i, true);
      out += is_last ? U'\u03C2' : U'\u03C3';
    } else {
      out += lower(point);
    }
  }
  return out;
}

bool is_letter_or_number(char32_t point) noexcept {
  return find(unicode::letters_and_numbers, point) != nullptr;
}

bool is_mark(char32_t point) noexcept {
  return point >= 0x300 && find(unicode::marks, point) != nullptr;
}

bool is_punctuation_or_symbol(char32_t point) noexcept {
  return find(unicode::punctuation_and_symbols, point) != nullptr;
}

bool is_space(char32_t point) noexcept {
  return (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x20) || point == 0x85 || point == 0xA0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 ||
         point == 0x202F || point == 0x205F || point == 0x3000;
}

}  // namespace dspy::text
