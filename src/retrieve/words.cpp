#include "retrieve/words.hpp"

#include "dspy/base/unicode.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

bool is_ascii(std::string_view text) noexcept {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

std::vector<std::string> ascii_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  for (const char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word.push_back(c);
    } else if (c >= 'A' && c <= 'Z') {
      word.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      end_word();
    }
  }
  end_word();
  return words;
}

/// Han and Hiragana.
bool stands_alone(char32_t point) noexcept {
  return (point >= 0x3041 && point <= 0x309F) || (point >= 0x3400 && point <= 0x4DBF) ||
         (point >= 0x4E00 && point <= 0x9FFF) || (point >= 0xF900 && point <= 0xFAFF) ||
         (point >= 0x20000 && point <= 0x3FFFF);
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  if (is_ascii(text)) return ascii_words(text);
  std::vector<std::string> words;
  std::u32string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(text::to_utf8(std::exchange(word, {})));
  };
  for (const char32_t point : text::to_nfd(text::to_lower(text::code_points(text)))) {
    if (text::is_mark(point)) continue;
    if (!text::is_letter_or_number(point)) {
      end_word();
    } else if (stands_alone(point)) {
      end_word();
      word.push_back(point);
      end_word();
    } else {
      word.push_back(point);
    }
  }
  end_word();
  return words;
}

WordCounts count_words(std::string_view text) {
  WordCounts out;
  for (auto& word : words_of(text)) {
    ++out.counts[std::move(word)];
    ++out.length;
  }
  return out;
}

double Bm25::idf(double texts_with_word) const {
  return std::log(1 + (texts - texts_with_word + 0.5) / (texts_with_word + 0.5));
}

double Bm25::score(double idf, double count, double length) const {
  constexpr double k1 = 1.2, b = 0.75;
  return idf * count / (count + k1 * (1 - b + b * length / average_length));
}

}  // namespace dspy
