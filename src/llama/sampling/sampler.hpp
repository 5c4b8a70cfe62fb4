#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/lm/request.hpp"
#include "llama/mask/constraint.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dspy::llama {

/// Every value of `Sampling` decided.
struct SamplerOptions {
  double temperature = 0.7;
  double top_p = 0.9;
  double min_p = 0;
  double repeat_penalty = 1.1;
  int top_k = 0;
  int repeat_last_n = 64;
  double frequency_penalty = 0;
  double presence_penalty = 0;
  std::uint64_t seed = 0;

  /// `sampling` over the defaults that `Sampling` documents; `seed` must be set.  At temperature 0 the likeliest token
  /// is meant, so there the penalty is off unless it is asked for.
  static SamplerOptions from(const Sampling& sampling);
};

/// Chooses the next token from a model's raw scores: bias, penalties, top-k, top-p, min-p, temperature, draw, in
/// llama.cpp's order.  The draw depends on the seed and the place of the token in the reply alone, so a reply comes out
/// the same however requests are scheduled.
class Sampler {
 public:
  Sampler(const SamplerOptions& options, std::span<const Token> suppressed, std::vector<TokenBias> bias = {});

  /// The token number `history.size()` of the reply, whose tokens so far are `history`; one of those `allowed`, if
  /// that is given.  Overwrites `logits`.  Nothing if no score is a number above minus infinity: the model's output is
  /// broken, or what is allowed is suppressed.
  std::optional<Token> sample(std::span<float> logits, std::span<const Token> history,
                              const mask::Mask* allowed = nullptr);
  /// Token number `place` once more, from the scores that `sample` left, of some of the tokens allowed there.
  std::optional<Token> sample_again(std::span<float> logits, std::size_t place, const mask::Mask& allowed);

 private:
  struct Candidate {
    float logit = 0;
    Token token = 0;
  };

  std::optional<Token> sample_listed(std::span<const float> logits, std::size_t place, std::span<const Token> allowed);
  std::optional<Token> choose(std::span<const float> logits, float best, std::size_t place);
  void penalize(std::span<float> logits, std::span<const Token> history);
  void choose_candidates(std::span<const float> logits, float best);
  void collect(std::span<const float> logits, float floor);
  double weigh(float best, float sharpness);
  void keep_top_k();
  void keep_top_p(float best, double wanted);
  Token draw(float best, std::size_t place);

  SamplerOptions options_;
  std::vector<Token> suppressed_;
  std::vector<TokenBias> bias_;
  std::vector<Token> recent_;
  std::vector<Candidate> candidates_;
  std::vector<float> weights_;  ///< Of the candidates.
  std::vector<float> listed_;   ///< The scores of a short mask's tokens.
};

/// What to take off a score for the logarithm of its token's probability.
float log_normalizer(std::span<const float> logits) noexcept;

/// A number in [0, 1) that only depends on its arguments.
double uniform(std::uint64_t seed, std::uint64_t counter) noexcept;

}  // namespace dspy::llama
