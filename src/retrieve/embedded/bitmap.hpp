#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dspy::embedded {

/// A set of small numbers.  What is beyond its end is not in it.
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(std::size_t size) : words_((size + 63) / 64) {}

  bool has(std::size_t at) const noexcept { return at / 64 < words_.size() && (words_[at / 64] >> at % 64 & 1U) != 0; }
  /// True if it was not there.
  bool add(std::size_t at) {
    if (at / 64 >= words_.size()) words_.resize(at / 64 + 1);
    const auto bit = std::uint64_t{1} << at % 64;
    const bool is_new = (words_[at / 64] & bit) == 0;
    words_[at / 64] |= bit;
    return is_new;
  }
  bool is_empty() const noexcept { return count() == 0; }
  std::size_t count() const noexcept {
    std::size_t all = 0;
    for (const auto word : words_) all += static_cast<std::size_t>(std::popcount(word));
    return all;
  }

  Bitmap& operator|=(const Bitmap& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  Bitmap& operator&=(const Bitmap& other) {
    if (words_.size() > other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  /// What is in this and not in the other.
  Bitmap& operator-=(const Bitmap& other) {
    for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i) words_[i] &= ~other.words_[i];
    return *this;
  }

  template <class F>
  void each(F visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (auto word = words_[i]; word != 0; word &= word - 1)
        visit(i * 64 + static_cast<std::size_t>(std::countr_zero(word)));
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace dspy::embedded
