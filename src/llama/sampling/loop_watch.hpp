#pragma once

#include "llama/model/runtime.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace dspy::llama {

/// Notices that a text has come to repeat itself: the same tokens over and over, exactly.
class LoopWatch {
 public:
  /// Of so many tokens, the longest that is looked for.
  static constexpr std::size_t longest_period = 64;
  /// So often at least; `tokens` alone would take a paragraph said twice for a loop.
  static constexpr std::size_t least_repeats = 6;

  /// `tokens`: how many repeated ones are a loop; 0 for none.
  explicit LoopWatch(std::size_t tokens) noexcept : tokens_(tokens) {}

  /// A new text begins.
  void begin() noexcept {
    runs_.fill(0);
    seen_ = 0;
  }

  /// Whether the text is in a loop now; `all` ends with its newest token.
  bool push(std::span<const Token> all) noexcept {
    if (tokens_ == 0) return false;
    ++seen_;
    bool loops = false;
    for (std::size_t period = 1; period <= std::min(longest_period, seen_ - 1); ++period) {
      auto& run = runs_[period - 1];
      run = all[all.size() - 1 - period] == all.back() ? run + 1 : 0;
      loops = loops || run + period >= std::max(tokens_, least_repeats * period);
    }
    return loops;
  }

 private:
  std::size_t tokens_;
  std::size_t seen_ = 0;
  std::array<std::size_t, longest_period> runs_{};  ///< By period: so many tokens equal the one that far before.
};

}  // namespace dspy::llama
