#include "llama/sampler.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

namespace dspy::llama {
namespace {

/// Everything off, so that each test turns on one thing.
SamplerOptions plain(double temperature = 1) {
  return {.temperature = temperature, .top_p = 1, .min_p = 0, .repeat_penalty = 1, .top_k = 0, .seed = 12345};
}

Token once(const SamplerOptions& options, std::vector<float> logits, std::vector<Token> history = {}) {
  return Sampler(options, {}).sample(logits, history).value();
}

/// How often each token comes first in `draws` replies.
std::vector<double> frequencies(SamplerOptions options, const std::vector<float>& logits, int draws) {
  std::vector<double> counts(logits.size());
  for (int i = 0; i < draws; ++i) {
    options.seed = static_cast<std::uint64_t>(i);
    ++counts[static_cast<std::size_t>(once(options, logits))];
  }
  return counts;
}

/// Pearson's statistic; tokens that must not occur make it infinite.
double chi_square(const std::vector<double>& counts, const std::vector<double>& shares) {
  const auto draws = std::accumulate(counts.begin(), counts.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto expected = shares[i] * draws;
    if (expected == 0) {
      if (counts[i] > 0) return std::numeric_limits<double>::infinity();
      continue;
    }
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

std::vector<float> logs(const std::vector<double>& shares) {
  std::vector<float> logits;
  for (const auto share : shares) logits.push_back(static_cast<float>(std::log(share)));
  return logits;
}

// The statistic's 99.9th percentile for up to 4 degrees of freedom is 18.5; draws are fixed by their seeds.
constexpr double plausible = 18.5;
constexpr int draws = 20000;

TEST_CASE("temperature 0 takes the likeliest token, the first of equals") {
  CHECK(once(plain(0), {1, 3, 2}) == 1);
  CHECK(once(plain(0), {1, 3, 3}) == 1);
  CHECK(once(plain(0), {-1, -3, -2}) == 0);
  std::vector<float> many(1000, 0);
  many[997] = 1;
  CHECK(once(plain(0), many) == 997);
}

TEST_CASE("tokens are drawn as often as their shares say") {
  const std::vector<double> shares = {0.5, 0.25, 0.15, 0.1};
  CHECK(chi_square(frequencies(plain(), logs(shares), draws), shares) < plausible);
}

TEST_CASE("temperature flattens or sharpens") {
  const std::vector<double> shares = {0.5, 0.25, 0.15, 0.1};
  for (const double temperature : {0.5, 2.0}) {
    CAPTURE(temperature);
    std::vector<double> powers;
    for (const auto share : shares) powers.push_back(std::pow(share, 1 / temperature));
    const auto total = std::accumulate(powers.begin(), powers.end(), 0.0);
    for (auto& power : powers) power /= total;
    CHECK(chi_square(frequencies(plain(temperature), logs(shares), draws), powers) < plausible);
  }
}

TEST_CASE("top-k, top-p and min-p cut the unlikely, and what is left keeps its proportions") {
  struct Case {
    std::string_view name;
    SamplerOptions options;
    std::vector<double> shares;
  };
  auto top_k = plain(), top_p = plain(), exact_top_p = plain(), min_p = plain(), all = plain();
  top_k.top_k = 2;
  top_p.top_p = 0.6;  // half is not enough, so the second is kept too
  exact_top_p.top_p = 0.49;
  min_p.min_p = 0.28;                               // of the likeliest: 0.14
  all.top_k = 3, all.top_p = 0.8, all.min_p = 0.1;  // top-p works on the shares among three: 0.556 0.278 0.167
  const std::vector<Case> cases = {
      {"top-k", top_k, {2 / 3.0, 1 / 3.0, 0, 0}},
      {"top-p", top_p, {2 / 3.0, 1 / 3.0, 0, 0}},
      {"top-p that one token reaches", exact_top_p, {1, 0, 0, 0}},
      {"min-p", min_p, {0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0}},
      {"all", all, {2 / 3.0, 1 / 3.0, 0, 0}},
  };
  for (const auto& [name, options, shares] : cases) {
    CAPTURE(name);
    CHECK(chi_square(frequencies(options, logs({0.5, 0.25, 0.15, 0.1}), draws), shares) < plausible);
  }
}

TEST_CASE("a token that is almost impossible is never drawn, in a vocabulary of any size") {
  std::vector<float> logits(100'000, -40);
  logits[7] = 0;
  logits[70'000] = 0;
  std::set<Token> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto options = plain();
    options.seed = seed;
    seen.insert(once(options, logits));
  }
  CHECK(seen == std::set<Token>{7, 70'000});
}

TEST_CASE("the penalty makes what the reply said lately less likely") {
  auto options = plain(0);
  options.repeat_penalty = 2;
  CHECK(once(options, {3, 2, 0}, {}) == 0);
  CHECK(once(options, {3, 2, 0}, {0}) == 1);        // 1.5 < 2
  CHECK(once(options, {3, 2, 0}, {0, 0, 0}) == 1);  // once, however often it was said
  CHECK(once(options, {-1, -1.5, -9}, {0}) == 1);   // negative scores grow
  options.repeat_last_n = 1;
  CHECK(once(options, {3, 2, 0}, {0, 1}) == 0);  // too long ago
  options.repeat_last_n = 0;
  CHECK(once(options, {3, 2, 0}, {0}) == 0);
}

TEST_CASE("a seed and a place in the reply decide the draw") {
  const std::vector<float> even(50, 0);
  auto options = plain();
  std::vector<Token> reply;
  for (int i = 0; i < 30; ++i) reply.push_back(once(options, even, reply));
  std::vector<Token> again;
  for (int i = 0; i < 30; ++i) again.push_back(once(options, even, again));
  CHECK(reply == again);
  CHECK(std::set<Token>(reply.begin(), reply.end()).size() > 10);

  options.seed = 54321;
  std::vector<Token> other;
  for (int i = 0; i < 30; ++i) other.push_back(once(options, even, other));
  CHECK(other != reply);
}

TEST_CASE("random numbers fill their range evenly and do not repeat for neighbouring seeds and places") {
  std::vector<double> buckets(10);
  std::set<double> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    for (std::uint64_t place = 0; place < 100; ++place) {
      const auto value = uniform(seed, place);
      REQUIRE(value >= 0);
      REQUIRE(value < 1);
      ++buckets[static_cast<std::size_t>(value * 10)];
      seen.insert(value);
    }
  }
  CHECK(seen.size() == 10'000);
  CHECK(chi_square(buckets, std::vector<double>(10, 0.1)) < 27.9);  // 99.9th percentile for 9 degrees of freedom
}

TEST_CASE("suppressed tokens are out, also those that do not exist") {
  std::vector<float> logits = {5, 1, 0};
  const std::vector<Token> suppressed = {0, 99, -1};
  CHECK(Sampler(plain(0), suppressed).sample(logits, {}) == 1);
}

TEST_CASE("scores that are no numbers give no token") {
  constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  for (const auto value : {nan, infinity, -infinity}) {
    for (const double temperature : {0.0, 1.0}) {
      std::vector<float> logits(40, value);
      CHECK_FALSE(Sampler(plain(temperature), {}).sample(logits, {}));
    }
  }
  std::vector<float> one_good = {nan, 2, -infinity};
  CHECK(Sampler(plain(1), {}).sample(one_good, {}) == 1);
}

TEST_CASE("what a request leaves open takes the documented defaults") {
  const auto options = SamplerOptions::from({.seed = 1});
  CHECK(options.temperature == 0.7);
  CHECK(options.top_p == 0.9);
  CHECK(options.top_k == 0);
  CHECK(options.min_p == 0);
  CHECK(options.repeat_penalty == 1.1);
  CHECK(options.repeat_last_n == 64);
  CHECK(SamplerOptions::from({.temperature = 0, .seed = 1}).repeat_penalty == 1);
  CHECK(SamplerOptions::from({.temperature = 0, .repeat_penalty = 1.3, .seed = 1}).repeat_penalty == 1.3);
}

}  // namespace
}  // namespace dspy::llama
