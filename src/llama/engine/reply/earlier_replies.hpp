#pragma once

#include "llama/model/runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace dspy::llama {

/// Replies that were written lately, each with the end of its prompt, to guess others by: one who evaluates or
/// optimizes asks nearly the same again and again.  Not thread-safe.
class EarlierReplies {
 public:
  static constexpr std::size_t longest_match = 64;  ///< More than this makes no place more alike.

  /// `most`: tokens that are kept at most, the latest ones; 0 keeps none.
  explicit EarlierReplies(std::size_t most) : most_(most) {}

  /// Keeps what is behind `begin`, and some of what is before it.
  void keep(std::span<const Token> tokens, std::size_t begin);
  /// What followed the place that looks most like the end of `tokens`, the latest of several; `most` at most.  Nothing
  /// where no place has more than `alike` tokens in common with it.
  std::span<const Token> look_up(std::span<const Token> tokens, std::size_t most, std::size_t alike) const;

 private:
  static constexpr std::size_t least_match = 3;
  static constexpr int most_places = 32;  ///< That are compared: the latest ones.
  static constexpr std::uint32_t nowhere = UINT32_MAX;

  void add(Token token);
  void drop_older();

  std::size_t most_;
  std::vector<Token> tokens_;
  std::vector<std::uint32_t> before_;  ///< By place: the one before it with the same last tokens.
  std::unordered_map<std::uint64_t, std::uint32_t> latest_;
};

/// How many tokens two texts have in common at their ends, `most` at most.
std::size_t common_end(std::span<const Token> one, std::span<const Token> other, std::size_t most) noexcept;

}  // namespace dspy::llama
