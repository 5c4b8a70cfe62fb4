#include "llama/sampling/likelihoods.hpp"

#include "llama/sampling/sampler.hpp"

#include <algorithm>
#include <limits>

namespace dspy::llama {

Likelihoods::Likelihoods(std::span<const float> logits, const mask::Mask* allowed, std::span<const Token> suppressed) {
  const auto add = [&](Token token) {
    const auto logit = logits[static_cast<std::size_t>(token)];
    if (!(logit > -std::numeric_limits<float>::infinity()) || std::ranges::contains(suppressed, token)) return;
    tokens_.push_back(token);
    logits_.push_back(logit);
  };
  const auto size = static_cast<Token>(logits.size());
  if (allowed != nullptr && allowed->is_list()) {
    for (const auto token : allowed->tokens()) {
      if (token < size) add(token);
    }
  } else {
    for (Token token = 0; token < size; ++token) {
      if (allowed == nullptr || allowed->allows(token)) add(token);
    }
  }
  if (!logits_.empty()) normalizer_ = static_cast<double>(log_normalizer(logits_));
}

double Likelihoods::logprob(Token token) const noexcept {
  const auto found = std::ranges::lower_bound(tokens_, token);
  if (found == tokens_.end() || *found != token) return -std::numeric_limits<double>::infinity();
  const auto logit = static_cast<double>(logits_[static_cast<std::size_t>(found - tokens_.begin())]);
  return std::min(0.0, logit - normalizer_);
}

std::vector<std::pair<Token, double>> Likelihoods::top(std::size_t count) const {
  std::vector<std::pair<Token, double>> all;
  for (const auto token : tokens_) all.emplace_back(token, 0);
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].second = std::min(0.0, static_cast<double>(logits_[i]) - normalizer_);
  count = std::min(count, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  all.resize(count);
  return all;
}

}  // namespace dspy::llama
