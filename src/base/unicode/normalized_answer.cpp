#include "dspy/base/unicode.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace dspy::text {
namespace {

bool is_ascii_punctuation(char32_t point) noexcept {
  return (point >= '!' && point <= '/') || (point >= ':' && point <= '@') || (point >= '[' && point <= '`') ||
         (point >= '{' && point <= '~');
}

bool is_article(std::u32string_view word) noexcept {
  return word == U"a" || word == U"an" || word == U"the";
}

/// Runs of letters and numbers that are articles become a blank; punctuation is gone already.
std::u32string without_articles(std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    auto end = i;
    while (end < text.size() && is_letter_or_number(text[end])) ++end;
    if (end == i) {
      out += text[i++];
      continue;
    }
    const auto word = text.substr(i, end - i);
    out += is_article(word) ? U" " : word;
    i = end;
  }
  return out;
}

}  // namespace

std::string normalized_answer(std::string_view text) {
  auto points = to_lower(to_nfd(code_points(text)));
  std::erase_if(points, is_ascii_punctuation);
  std::u32string out;
  for (const auto point : without_articles(points)) {
    if (!is_space(point)) {
      out += point;
    } else if (!out.empty() && out.back() != U' ') {
      out += U' ';
    }
  }
  if (!out.empty() && out.back() == U' ') out.pop_back();
  return to_utf8(out);
}

}  // namespace dspy::text
