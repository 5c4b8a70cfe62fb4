// Choosing one token of a vocabulary of 152,000.

#include "llama/sampling/sampler.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

namespace {

using namespace dspy::llama;

/// Scores like a model's: most tokens far below a few.
std::vector<float> peaked(std::size_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> noise(-8, 2.5F);
  std::vector<float> logits(count);
  for (auto& logit : logits) logit = noise(random);
  for (std::size_t i = 0; i < 60; ++i) logits[random() % count] = 10.0F - 0.2F * static_cast<float>(i);
  return logits;
}

/// Scores of a model that does not know: nearly every token counts.
std::vector<float> flat(std::size_t count) {
  std::mt19937 random(2);
  std::normal_distribution<float> noise(0, 1.5F);
  std::vector<float> logits(count);
  for (auto& logit : logits) logit = noise(random);
  return logits;
}

void sample(benchmark::State& state, const SamplerOptions& options, const std::vector<float>& scores) {
  Sampler sampler(options, {});
  std::vector<Token> history;
  auto logits = scores;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sampler.sample(logits, history));
    history.assign(1, static_cast<Token>(state.iterations() % 1000));
  }
}

const SamplerOptions off = {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 3};

SamplerOptions with(double temperature, int top_k, double top_p, double min_p) {
  auto options = off;
  options.temperature = temperature;
  options.top_k = top_k;
  options.top_p = top_p;
  options.min_p = min_p;
  return options;
}

const auto peaked_scores = peaked(151'936), flat_scores = flat(151'936);

BENCHMARK_CAPTURE(sample, greedy, with(0, 0, 1, 0), peaked_scores);
BENCHMARK_CAPTURE(sample, top_k_40_temperature, with(0.8, 40, 1, 0), peaked_scores);
BENCHMARK_CAPTURE(sample, top_p_0_9, with(0.8, 0, 0.9, 0), peaked_scores);
BENCHMARK_CAPTURE(sample, min_p_0_05, with(0.8, 0, 1, 0.05), peaked_scores);
BENCHMARK_CAPTURE(sample, flat_top_k_40_temperature, with(0.8, 40, 1, 0), flat_scores);
BENCHMARK_CAPTURE(sample, flat_top_p_0_9, with(0.8, 0, 0.9, 0), flat_scores);
BENCHMARK_CAPTURE(sample, flat_temperature, with(0.8, 0, 1, 0), flat_scores);

void normalize(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(log_normalizer(flat_scores));
}
BENCHMARK(normalize);

}  // namespace
