#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// What a text is to a search by words, and how well words fit: BM25 as Lucene has it.

namespace dspy {

/// Runs of letters and numbers in lower case, without accents; Chinese and Japanese signs stand alone, since nothing
/// separates their words.
std::vector<std::string> words_of(std::string_view text);

/// How often each word stands in the text.
struct WordCounts {
  std::map<std::string, std::size_t> counts = {};
  std::size_t length = 0;  ///< All words.
};
WordCounts count_words(std::string_view text);

/// BM25 of Robertson and others in the form of Lucene 8 and later: k1 = 1.2, b = 0.75, an idf that is never negative.
struct Bm25 {
  double texts = 0;           ///< Texts with words.
  double average_length = 0;  ///< Their words.

  double idf(double texts_with_word) const;
  double score(double idf, double count, double length) const;
};

}  // namespace dspy
