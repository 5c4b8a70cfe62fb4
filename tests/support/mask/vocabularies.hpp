#pragma once

#include "llama/mask/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

// Vocabularies that have the shape of real ones, made without any.

namespace dspy::test {

/// A byte-level vocabulary of `size` tokens as large models have them: every byte, words with and without a blank
/// before them, numbers, runs of blanks, code with its punctuation, and characters of other scripts, some of them cut.
/// With 151,936 tokens its trie has the size of Qwen2.5's.
inline std::vector<std::string> large_pieces(std::size_t size, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  std::unordered_set<std::string> seen;
  std::vector<std::string> out;
  const auto add = [&](std::string piece) {
    if (out.size() < size && seen.insert(piece).second) out.push_back(std::move(piece));
  };
  for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
  for (std::size_t n = 2; n <= 128; n += n < 32 ? 1 : 16) {
    add(std::string(n, ' '));
    add(std::string(n / 2, '\n') + std::string(n / 2, ' '));
    add(std::string(n, '\t'));
  }
  constexpr std::array<std::string_view, 40> punctuation = {
      "\"", "\":", "\",", "\"}", "\":\"", "\": \"", "\", \"", "{\"", "[\"",  "\"]",  "},",  "],",  "}}", "]]",
      "{}", "[]",  " \"", " {",  " [",    "':",     "',",     "\\n", "\\\"", "\\\\", "();", "()",  "->", "::",
      "//", "/*",  "*/",  "==",  "!=",    "<=",     ">=",     "&&",  "||",   "```",  " #",  "\n\n"};
  for (const auto mark : punctuation) add(std::string(mark));

  constexpr std::array<std::string_view, 24> onsets = {"",   "b",  "c",  "d",  "f",  "g",  "h",  "l",
                                                       "m",  "n",  "p",  "r",  "s",  "t",  "v",  "w",
                                                       "st", "tr", "pr", "ch", "sh", "th", "pl", "gr"};
  constexpr std::array<std::string_view, 10> vowels = {"a", "e", "i", "o", "u", "ai", "ea", "ou", "io", "y"};
  constexpr std::array<std::string_view, 16> codas = {"",  "n", "r", "s", "t",  "l",  "m",  "d",
                                                      "k", "p", "g", "x", "nd", "nt", "st", "ng"};
  const auto syllable = [&] {
    return std::string(onsets[below(onsets.size())])
        .append(vowels[below(vowels.size())])
        .append(codas[below(codas.size())]);
  };
  // As byte-pair encoding has it, a longer word is a shorter one and some more.
  std::vector<std::string> words;
  while (out.size() < size) {
    const auto kind = below(100);
    std::string piece;
    if (kind < 78) {
      if (words.size() > 300 && below(12) != 0) piece = words[below(words.size())];
      if (piece.size() > 8) continue;
      piece += below(3) == 0 ? syllable() : std::string(1, static_cast<char>('a' + below(26)));
      words.push_back(piece);
      if (below(5) == 0) piece[0] = static_cast<char>(piece[0] - 32);
      if (below(2) == 0) piece.insert(0, " ");
    } else if (kind < 86) {
      piece = std::string(punctuation[below(punctuation.size())]) + syllable();
      if (below(2) == 0) piece += punctuation[below(punctuation.size())];
    } else if (kind < 90) {
      for (auto digits = 1 + below(3); digits-- > 0;) piece += static_cast<char>('0' + below(10));
    } else {
      // One or two characters of three bytes, cut in one case of ten.
      for (auto characters = 1 + below(2); characters-- > 0;) {
        const auto c = 0x4E00 + below(0x800);
        piece += static_cast<char>(0xE0 | c >> 12);
        piece += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        piece += static_cast<char>(0x80 | (c & 0x3F));
      }
      if (below(10) == 0) piece.resize(piece.size() - 1 - below(2));
    }
    add(std::move(piece));
  }
  return out;
}

/// With an end of text as the last token.
inline std::shared_ptr<const llama::mask::Vocabulary> vocabulary_with_end(std::vector<std::string> pieces) {
  pieces.emplace_back("<|end|>");
  const auto end = static_cast<llama::mask::Token>(pieces.size() - 1);
  return std::make_shared<const llama::mask::Vocabulary>(std::move(pieces), std::vector{end});
}

}  // namespace dspy::test
