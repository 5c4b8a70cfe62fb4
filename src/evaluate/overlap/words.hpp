#pragma once

#include "dspy/evaluate/overlap/overlap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dspy::overlap {

/// The words between white space, as Python's `str.split` has it.
std::vector<std::string_view> split_words(std::string_view text);

/// Throws unless each of the hypotheses has references.
void require_pairs(std::span<const std::string> hypotheses, std::span<const References> references);

/// Lower case of all scripts.
std::string lowered(std::string_view text);

/// A number for each different word.  The words outlive it.
class Vocabulary {
 public:
  std::vector<unsigned> operator()(const std::vector<std::string_view>& words);

 private:
  std::unordered_map<std::string_view, unsigned> numbers_;
};

/// A number for each different letter, from 0.
class Alphabet {
 public:
  /// Those of a text's words, one after the other.
  std::vector<unsigned> operator()(std::string_view text);

 private:
  unsigned number_of(char32_t letter);

  std::array<unsigned, 128> ascii_ = {};  ///< One more than the number; 0: not seen yet.
  std::unordered_map<char32_t, unsigned> others_;
  unsigned next_ = 0;
};

/// The different n-grams of a text and how often each is in it.  The text outlives it.  Small numbers are the fastest:
/// n of them are compared at once where they fit into 64 bits.
class Grams {
 public:
  Grams(std::span<const unsigned> text, std::size_t n) : Grams(text, n, Order::found) {}

  /// How many there are, with multiplicity.
  std::size_t total() const noexcept { return text_.size() < n_ ? 0 : text_.size() - n_ + 1; }
  /// How many are in others too, each as often as the other that has it most often.
  std::size_t common_with(std::span<const Grams> others) const;

 private:
  struct Gram {
    std::uint64_t key = 0;  ///< The gram itself, where it fits.
    std::size_t begin = 0;
    std::size_t count = 0;
  };
  enum class Order { found, sorted };
  Grams(std::span<const unsigned> text, std::size_t n, Order order);

  void count_keys(unsigned bits);
  void sort_spans();
  /// Where a key is in `grams_`, or the empty slot where it would be.
  std::size_t slot_of(std::uint64_t key) const noexcept;
  void best_by_keys(const Grams& other, std::vector<std::size_t>& best) const;
  void best_by_spans(const Grams& other, std::vector<std::size_t>& best) const;
  std::span<const unsigned> at(const Gram& gram) const { return text_.subspan(gram.begin, n_); }

  std::span<const unsigned> text_;
  std::size_t n_;
  bool has_keys_ = false;
  std::vector<Gram> grams_;           ///< As they were found, or sorted where they have no keys.
  std::vector<std::uint32_t> slots_;  ///< One more than the place in `grams_`; 0: empty.  A power of two of them.
  unsigned shift_ = 0;
};

}  // namespace dspy::overlap
