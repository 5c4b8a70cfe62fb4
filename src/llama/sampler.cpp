#include "llama/sampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace dspy::llama {
namespace {

constexpr float nothing = -std::numeric_limits<float>::infinity();
/// Below it the likeliest token is as good as certain, and its inverse leaves the range of a float.
constexpr double least_temperature = 1e-6;

/// The largest number; several running maxima side by side become vector instructions.
float largest(std::span<const float> values) {
  constexpr std::size_t lanes = 16;
  std::array<float, lanes> best;
  best.fill(nothing);
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane)
      best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
  }
  for (; i < values.size(); ++i) best[0] = values[i] > best[0] ? values[i] : best[0];
  return *std::ranges::max_element(best);
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

}  // namespace

double uniform(std::uint64_t seed, std::uint64_t counter) noexcept {
  const auto bits = mix(mix(seed + 0x9E3779B97F4A7C15U) + (counter + 1) * 0x9E3779B97F4A7C15U);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

SamplerOptions SamplerOptions::from(const Sampling& sampling) {
  SamplerOptions options;
  options.temperature = sampling.temperature.value_or(options.temperature);
  options.top_p = sampling.top_p.value_or(options.top_p);
  options.min_p = sampling.min_p.value_or(options.min_p);
  options.top_k = sampling.top_k.value_or(options.top_k);
  options.repeat_penalty = sampling.repeat_penalty.value_or(options.temperature == 0 ? 1.0 : options.repeat_penalty);
  options.repeat_last_n = sampling.repeat_last_n.value_or(options.repeat_last_n);
  options.seed = sampling.seed.value();
  return options;
}

Sampler::Sampler(const SamplerOptions& options, std::span<const Token> suppressed)
    : options_(options), suppressed_(suppressed.begin(), suppressed.end()) {}

std::optional<Token> Sampler::sample(std::span<float> logits, std::span<const Token> history) {
  for (const auto token : suppressed_) {
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
      logits[static_cast<std::size_t>(token)] = nothing;
  }
  penalize(logits, history);
  const float best = largest(logits);
  if (best == nothing || best == std::numeric_limits<float>::infinity()) return std::nullopt;
  if (options_.temperature < least_temperature || options_.top_k == 1)
    return static_cast<Token>(std::ranges::find(logits, best) - logits.begin());

  collect(logits, best);
  if (options_.top_k > 0) keep_top_k();
  if (options_.top_p < 1) keep_top_p(best);
  if (options_.min_p > 0) keep_min_p(best);
  return draw(best, history.size());
}

/// Only what the reply itself said counts: a prompt names the fields that the reply must name again.
void Sampler::penalize(std::span<float> logits, std::span<const Token> history) {
  if (options_.repeat_penalty == 1 || options_.repeat_last_n == 0) return;
  const auto window = std::min(history.size(), static_cast<std::size_t>(std::max(0, options_.repeat_last_n)));
  const auto recent = history.last(window);
  recent_.assign(recent.begin(), recent.end());
  std::ranges::sort(recent_);
  const auto repeated = std::ranges::unique(recent_);
  recent_.erase(repeated.begin(), repeated.end());
  const auto penalty = static_cast<float>(options_.repeat_penalty);
  for (const auto token : recent_) {
    auto& logit = logits[static_cast<std::size_t>(token)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/// A token less likely than 2^-25 of the best one is lost in a sum of single precision anyway; leaving it out early
/// keeps a vocabulary of 150,000 from being sorted.
void Sampler::collect(std::span<const float> logits, float best) {
  const auto floor = best - static_cast<float>(25 * 0.6931471805599453 * std::max(1.0, options_.temperature));
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= floor) candidates_.push_back({.logit = logits[i], .token = static_cast<Token>(i)});
  }
}

void Sampler::keep_top_k() {
  const auto k = static_cast<std::size_t>(options_.top_k);
  if (candidates_.size() <= k) return;
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  std::ranges::nth_element(candidates_, candidates_.begin() + static_cast<std::ptrdiff_t>(k), likelier);
  candidates_.resize(k);
}

/// The fewest likeliest tokens whose shares reach `top_p`.  Usually they are few, so they are taken off a heap one by
/// one.
void Sampler::keep_top_p(float best) {
  double total = 0;
  for (auto& candidate : candidates_) {
    candidate.weight = std::exp(candidate.logit - best);
    total += static_cast<double>(candidate.weight);
  }
  const auto less_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit < b.logit : a.token > b.token;
  };
  std::ranges::make_heap(candidates_, less_likely);
  auto end = candidates_.end();
  for (double sum = 0; end != candidates_.begin() && sum < options_.top_p * total; --end) {
    std::pop_heap(candidates_.begin(), end, less_likely);
    sum += static_cast<double>((end - 1)->weight);
  }
  candidates_.erase(candidates_.begin(), end);
}

void Sampler::keep_min_p(float best) {
  const auto floor = best + static_cast<float>(std::log(options_.min_p));
  std::erase_if(candidates_,
                [&](const Candidate& candidate) { return candidate.logit < floor && candidate.logit != best; });
}

Token Sampler::draw(float best, std::size_t place) {
  const auto sharpness = static_cast<float>(1 / options_.temperature);
  double total = 0;
  for (auto& candidate : candidates_) {
    candidate.weight = std::exp((candidate.logit - best) * sharpness);
    total += static_cast<double>(candidate.weight);
  }
  double left = uniform(options_.seed, place) * total;
  for (const auto& candidate : candidates_) {
    left -= static_cast<double>(candidate.weight);
    if (left < 0) return candidate.token;
  }
  return candidates_.back().token;
}

}  // namespace dspy::llama
