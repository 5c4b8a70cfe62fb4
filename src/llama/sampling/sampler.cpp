// One pass over the scores finds the best, a second collects what can be drawn at all; what follows works on few.

#include "llama/sampling/sampler.hpp"

#include "llama/sampling/score_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace dspy::llama {
namespace {

using scores::exp_of_negative, scores::any_reaches;
using scores::lanes, scores::no_score;
using scores::largest, scores::largest_marked, scores::total_weight;

/// Below it the likeliest token is as good as certain, and its inverse leaves the range of a float.
constexpr double least_temperature = 1e-6;

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

Sampler::Sampler(const SamplerOptions& options, std::span<const Token> suppressed, std::vector<TokenBias> bias)
    : options_(options), suppressed_(suppressed.begin(), suppressed.end()), bias_(std::move(bias)) {}

std::optional<Token> Sampler::sample(std::span<float> logits, std::span<const Token> history,
                                     const mask::Mask* allowed) {
  const auto exists = [&](Token token) { return token >= 0 && static_cast<std::size_t>(token) < logits.size(); };
  for (const auto& [token, bias] : bias_) {
    if (exists(token)) logits[static_cast<std::size_t>(token)] += bias;
  }
  for (const auto token : suppressed_) {
    if (exists(token)) logits[static_cast<std::size_t>(token)] = no_score;
  }
  penalize(logits, history);
  if (allowed == nullptr) return choose(logits, largest(logits), history.size());
  if (!allowed->is_list()) return choose(logits, largest_marked(logits, allowed->bits()), history.size());
  return sample_listed(logits, history.size(), allowed->tokens());
}

std::optional<Token> Sampler::sample_again(std::span<float> logits, std::size_t place, const mask::Mask& allowed) {
  if (!allowed.is_list()) return choose(logits, largest_marked(logits, allowed.bits()), place);
  return sample_listed(logits, place, allowed.tokens());
}

/// A short list stands for the whole vocabulary: what is drawn is a place in it.
std::optional<Token> Sampler::sample_listed(std::span<const float> logits, std::size_t place,
                                            std::span<const Token> allowed) {
  listed_.clear();
  for (const auto token : allowed) {
    const bool exists = token >= 0 && static_cast<std::size_t>(token) < logits.size();
    listed_.push_back(exists ? logits[static_cast<std::size_t>(token)] : no_score);
  }
  const auto chosen = choose(listed_, largest(listed_), place);
  if (!chosen) return std::nullopt;
  return allowed[static_cast<std::size_t>(*chosen)];
}

/// `best` is the highest of the scores.
std::optional<Token> Sampler::choose(std::span<const float> logits, float best, std::size_t place) {
  if (best == no_score || best == std::numeric_limits<float>::infinity()) return std::nullopt;
  if (options_.temperature < least_temperature || options_.top_k == 1)
    return static_cast<Token>(std::ranges::find(logits, best) - logits.begin());

  choose_candidates(logits, best);
  return draw(best, place);
}

/// Only what the reply itself said counts: a prompt names the fields that the reply must name again.
void Sampler::penalize(std::span<float> logits, std::span<const Token> history) {
  const bool repeats = options_.repeat_penalty != 1;
  const bool counts = options_.frequency_penalty != 0 || options_.presence_penalty != 0;
  if ((!repeats && !counts) || options_.repeat_last_n == 0) return;
  const auto window = std::min(history.size(), static_cast<std::size_t>(std::max(0, options_.repeat_last_n)));
  const auto recent = history.last(window);
  recent_.assign(recent.begin(), recent.end());
  std::ranges::sort(recent_);
  const auto penalty = static_cast<float>(options_.repeat_penalty);
  for (auto token = recent_.begin(); token != recent_.end();) {
    const auto next = std::find_if(token, recent_.end(), [&](Token other) { return other != *token; });
    auto& logit = logits[static_cast<std::size_t>(*token)];
    if (repeats) logit = logit > 0 ? logit / penalty : logit * penalty;
    if (counts)
      logit -= static_cast<float>(static_cast<double>(next - token) * options_.frequency_penalty +
                                  options_.presence_penalty);
    token = next;
  }
}

/// What can be drawn.  A token less likely than 2^-25 of the best one is lost in a sum of single precision anyway;
/// leaving it out early keeps a vocabulary of 150,000 from being sorted.
void Sampler::choose_candidates(std::span<const float> logits, float best) {
  const auto reach = static_cast<float>(25 * 0.6931471805599453 * std::max(1.0, options_.temperature));
  const auto min_p_reach = options_.min_p > 0 ? -static_cast<float>(std::log(options_.min_p)) : reach;
  if (options_.top_k > 0) {
    collect(logits, best - reach);
    keep_top_k();
    if (options_.top_p < 1) keep_top_p(best, options_.top_p * weigh(best, 1));
  } else if (options_.top_p < 1) {
    // Most of the weight is usually in few tokens, near the best.
    const double wanted = options_.top_p * total_weight(logits, best);
    for (const float near : {6.0F, 11.0F, reach}) {
      collect(logits, best - near);
      if (near == reach || weigh(best, 1) >= wanted) break;
    }
    keep_top_p(best, wanted);
  } else {
    return collect(logits, best - std::min(reach, min_p_reach));
  }
  if (options_.min_p > 0)
    std::erase_if(candidates_, [&](const Candidate& each) { return each.logit < best - min_p_reach; });
}

/// Collects the tokens whose scores reach `floor`.  With `top_k`, the floor rises with what was seen.
void Sampler::collect(std::span<const float> logits, float floor) {
  const auto enough = options_.top_k > 0 ? std::max<std::size_t>(4 * static_cast<std::size_t>(options_.top_k), 512)
                                         : std::numeric_limits<std::size_t>::max();
  std::size_t count = 0;
  // Always written, and counted only if wanted: a branch here could not be predicted.
  const auto add = [&](std::size_t i) {
    candidates_[count] = {.logit = logits[i], .token = static_cast<Token>(i)};
    count += logits[i] >= floor ? 1 : 0;
  };
  std::size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes) {
    if (!any_reaches(&logits[i], floor)) continue;
    if (candidates_.size() < count + lanes) candidates_.resize(std::max(2 * candidates_.size(), 4 * lanes + count));
    for (std::size_t lane = 0; lane < lanes; ++lane) add(i + lane);
    if (count >= enough) {
      candidates_.resize(count);
      keep_top_k();
      count = candidates_.size();
      floor = std::ranges::min(candidates_, {}, &Candidate::logit).logit;
    }
  }
  candidates_.resize(std::max(candidates_.size(), count + lanes));
  for (; i < logits.size(); ++i) add(i);
  candidates_.resize(count);
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

/// Weighs each candidate against the best, which has weight 1.  Returns the sum.
double Sampler::weigh(float best, float sharpness) {
  const auto count = candidates_.size();
  weights_.resize((count + lanes - 1) / lanes * lanes);
  for (std::size_t i = 0; i < count; ++i) weights_[i] = (candidates_[i].logit - best) * sharpness;
  std::fill(weights_.begin() + static_cast<std::ptrdiff_t>(count), weights_.end(), -87.0F);
  for (std::size_t i = 0; i < weights_.size(); i += scores::width) {
    const auto block = exp_of_negative(scores::load(&weights_[i]));
    std::memcpy(&weights_[i], &block, sizeof block);
  }
  weights_.resize(count);
  double total = 0;
  for (const auto weight : weights_) total += static_cast<double>(weight);
  return total;
}

/// The fewest likeliest tokens whose shares reach `top_p`.  Which they are is found by scores in steps of a sixteenth;
/// only the step in which the sum is reached is put in order.
void Sampler::keep_top_p(float best, double wanted) {
  constexpr float per_unit = 16;
  const auto step_of = [&](const Candidate& candidate) {
    return static_cast<std::size_t>(std::min((best - candidate.logit) * per_unit, 4095.0F));
  };
  weigh(best, 1);
  std::vector<double> shares(4096);
  for (std::size_t i = 0; i < candidates_.size(); ++i)
    shares[step_of(candidates_[i])] += static_cast<double>(weights_[i]);
  double sum = 0;
  std::size_t last = 0;
  while (last + 1 < shares.size() && sum + shares[last] < wanted) sum += shares[last++];

  std::vector<Candidate> edge;
  std::size_t kept = 0;
  for (const auto& candidate : candidates_) {
    const auto step = step_of(candidate);
    if (step == last) edge.push_back(candidate);
    if (step < last) candidates_[kept++] = candidate;
  }
  candidates_.resize(kept);
  std::ranges::sort(edge, [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  });
  for (const auto& candidate : edge) {
    if (sum >= wanted && !candidates_.empty()) break;
    candidates_.push_back(candidate);
    sum += static_cast<double>(exp_of_negative(candidate.logit - best));
  }
}

Token Sampler::draw(float best, std::size_t place) {
  const double total = weigh(best, static_cast<float>(1 / options_.temperature));
  double left = uniform(options_.seed, place) * total;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    left -= static_cast<double>(weights_[i]);
    if (left < 0) return candidates_[i].token;
  }
  return candidates_.back().token;
}

float log_normalizer(std::span<const float> logits) noexcept {
  const float best = largest(logits);
  return best + static_cast<float>(std::log(total_weight(logits, best)));
}

}  // namespace dspy::llama
