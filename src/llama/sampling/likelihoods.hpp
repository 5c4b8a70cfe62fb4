#pragma once

#include "dspy/llama/engine.hpp"
#include "llama/mask/constraint.hpp"

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace dspy::llama {

/// How likely each token was, from a model's raw scores: among those that a mask allows, or all.  Keeps a copy, since
/// samplers overwrite scores.
class Likelihoods {
 public:
  /// The tokens that the model cannot write (`suppressed`) do not count.
  Likelihoods(std::span<const float> logits, const mask::Mask* allowed, std::span<const Token> suppressed);

  /// The natural logarithm of its probability; minus infinity for one that does not count.
  double logprob(Token token) const noexcept;
  /// The likeliest `count`, or all there are, likeliest first.
  std::vector<std::pair<Token, double>> top(std::size_t count) const;

 private:
  std::vector<Token> tokens_;  ///< Ascending.
  std::vector<float> logits_;  ///< Theirs.
  double normalizer_ = 0;
};

}  // namespace dspy::llama
