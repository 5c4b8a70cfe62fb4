#include "llama/sampling/sampler.hpp"

#include "llama/mask/contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <string>
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

TEST_CASE("frequency counts how often the reply said it, presence whether it did") {
  auto frequency = plain(0), presence = plain(0);
  frequency.frequency_penalty = 0.4;
  presence.presence_penalty = 0.4;
  CHECK(once(frequency, {3, 2.5, 0}, {0}) == 0);  // 2.6
  CHECK(once(frequency, {3, 2.5, 0}, {0, 0}) == 1);
  CHECK(once(presence, {3, 2.5, 0}, {0, 0, 0}) == 0);
  CHECK(once(presence, {3, 2.7F, 0}, {0}) == 1);
  frequency.frequency_penalty = -1;
  CHECK(once(frequency, {3, 2.5, 0}, {1}) == 1);
}

TEST_CASE("a bias is added to the score, and minus infinity forbids; tokens that do not exist are not harm") {
  std::vector<float> logits = {3, 2, 1};
  CHECK(Sampler(plain(0), {}, {{.token = 1, .bias = 1.5F}, {.token = 99, .bias = 9}}).sample(logits, {}) == 1);
  logits = {3, 2, 1};
  constexpr auto never = -std::numeric_limits<float>::infinity();
  CHECK(Sampler(plain(0), {}, {{.token = 0, .bias = never}, {.token = -1, .bias = 9}}).sample(logits, {}) == 1);
}

/// What top-k, top-p and min-p leave, done the slow way with doubles.
std::vector<double> reference_shares(std::vector<float> logits, const SamplerOptions& options) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return logits[a] > logits[b]; });
  if (options.top_k > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(options.top_k)));
  double total = 0;
  for (const auto i : order) total += std::exp(static_cast<double>(logits[i]));
  double sum = 0;
  std::size_t kept = 0;
  while (kept < order.size() && sum < options.top_p * total)
    sum += std::exp(static_cast<double>(logits[order[kept++]]));
  order.resize(kept);
  std::erase_if(order, [&](auto i) {
    return static_cast<double>(logits[i]) < static_cast<double>(logits[order[0]]) + std::log(options.min_p);
  });
  std::vector<double> shares(logits.size());
  for (const auto i : order) total += shares[i] = std::exp(static_cast<double>(logits[i]) / options.temperature);
  total = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (auto& share : shares) share /= total;
  return shares;
}

TEST_CASE("draws from large vocabularies follow the shares that a slow sampler finds") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    std::vector<float> logits(3000);
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] = static_cast<float>(6 * uniform(seed, i) * uniform(seed, i));
    auto options = plain(0.8);
    options.top_k = seed % 2 == 0 ? 300 : 0;
    options.top_p = seed % 3 == 0 ? 1 : 0.7;
    options.min_p = seed > 3 ? 0.05 : 0;
    const auto shares = reference_shares(logits, options);
    // In twenty classes of like shares: 43.8 is the statistic's 99.9th percentile for 19 degrees of freedom.
    std::vector<std::size_t> order(logits.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](auto a, auto b) { return shares[a] > shares[b]; });
    const auto counts = frequencies(options, logits, 4000);
    std::vector<double> expected(20), seen(20);
    double sum = 0;
    for (const auto token : order) {
      const auto group = std::min<std::size_t>(static_cast<std::size_t>(sum * 20), 19);
      if (shares[token] == 0) CHECK(counts[token] == 0);
      expected[group] += shares[token];
      seen[group] += counts[token];
      sum += shares[token];
    }
    CHECK(chi_square(seen, expected) < 43.8);
  }
}

TEST_CASE("the normalizer turns scores into logarithms of probabilities") {
  for (const std::size_t size : {1U, 15U, 16U, 1000U}) {
    std::vector<float> logits(size);
    for (std::size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(20 * uniform(9, i) - 50);
    double sum = 0;
    for (const auto logit : logits) sum += std::exp(static_cast<double>(logit - log_normalizer(logits)));
    CHECK(sum == doctest::Approx(1).epsilon(1e-5));
  }
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

TEST_CASE("scores that are not numbers give no token") {
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

TEST_CASE("under a mask only what it allows is drawn, as often as its shares say") {
  std::vector<std::string> pieces;
  for (int i = 0; i < 700; ++i) pieces.push_back((i < 600 ? "e" : "o") + std::to_string(i));
  const auto vocabulary = std::make_shared<const mask::Vocabulary>(pieces, std::vector<Token>{});
  std::vector<float> logits(700);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 37 % 101) / 25;
  for (const char* pattern : {"e1[0-9]", "e[0-9]+"}) {  // a list, and bits
    auto grammar = mask::compile_regex(pattern);
    mask::Constraint constraint(std::move(grammar.pool), grammar.start, vocabulary);
    const auto allowed = constraint.mask(constraint.start());
    CHECK(allowed->is_list() == (allowed->count() == 11));
    auto masked = logits;
    for (std::size_t i = 0; i < masked.size(); ++i) {
      if (!allowed->allows(static_cast<Token>(i))) masked[i] = -std::numeric_limits<float>::infinity();
    }
    for (auto options : {plain(0), plain(1), plain(0.5)}) {
      for (const int top_k : {0, 3}) {
        for (const double top_p : {1.0, 0.4}) {
          options.top_k = top_k;
          options.top_p = top_p;
          for (options.seed = 0; options.seed < 50; ++options.seed) {
            auto copy = logits;
            const auto token = Sampler(options, {}).sample(copy, {}, allowed.get());
            CHECK(token == once(options, masked));
          }
        }
      }
    }
    auto copy = logits;
    std::vector<TokenBias> none;
    for (Token token = 0; token < 700; ++token) {
      if (allowed->allows(token)) none.push_back({token, -std::numeric_limits<float>::infinity()});
    }
    CHECK_FALSE(Sampler(plain(1), {}, none).sample(copy, {}, allowed.get()));
  }
}

}  // namespace
}  // namespace dspy::llama
