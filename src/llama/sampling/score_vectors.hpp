#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

// Loops over a model's scores, one for each word of its vocabulary.  Those over blocks of fixed size become vector
// instructions.  All of it is inline: samplers run it for every token.

namespace dspy::llama::scores {

/// The score of a token that cannot be chosen.
inline constexpr float no_score = -std::numeric_limits<float>::infinity();
/// Numbers in a block.
inline constexpr std::size_t lanes = 16;

inline float largest(std::span<const float> values) {
  std::array<float, lanes> best;
  best.fill(no_score);
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane)
      best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
  }
  for (; i < values.size(); ++i) best[0] = values[i] > best[0] ? values[i] : best[0];
  return *std::ranges::max_element(best);
}

/// The largest of those that have a bit; the others get `no_score` on the way.
inline float largest_marked(std::span<float> values, std::span<const std::uint64_t> bits) {
  float best = no_score;
  for (std::size_t at = 0; at < values.size(); at += 64) {
    const auto word = at / 64 < bits.size() ? bits[at / 64] : 0;
    const auto block = values.subspan(at, std::min<std::size_t>(64, values.size() - at));
    if (word == 0) {
      std::ranges::fill(block, no_score);
      continue;
    }
    if (word != ~std::uint64_t{0}) {
      for (std::size_t i = 0; i < block.size(); ++i) block[i] = (word >> i & 1) != 0 ? block[i] : no_score;
    }
    best = std::max(best, largest(block));
  }
  return best;
}

// Four at a time; a wider vector would need another instruction set than the least that x86-64 has.
using Floats [[gnu::vector_size(16)]] = float;
using Integers [[gnu::vector_size(16)]] = std::int32_t;
inline constexpr std::size_t width = 4;

/// e^x for four x ≤ 0, to about seven digits: 2^n by the exponent's bits, the rest by its Taylor series.
inline Floats exp_of_negative(Floats x) {
  constexpr float log2_e = 1.44269504F;
  constexpr float ln2_high = 0.693145752F, ln2_low = 1.42860677e-6F;
  const Floats least = Floats{} - 87.0F;
  x = x > least ? x : least;
  const Integers n = __builtin_convertvector(x * log2_e - 0.5F, Integers);
  const Floats whole = __builtin_convertvector(n, Floats);
  const Floats r = x - whole * ln2_high - whole * ln2_low;
  const Floats series =
      1.0F + r * (1.0F + r * (0.5F + r * (1.0F / 6 + r * (1.0F / 24 + r * (1.0F / 120 + r * (1.0F / 720))))));
  return series * std::bit_cast<Floats>((n + 127) << 23);
}

inline Floats load(const float* values) {
  Floats result;
  std::memcpy(&result, values, sizeof result);
  return result;
}

/// Whether any of `lanes` numbers reaches the floor; NaN never does.
inline bool any_reaches(const float* values, float floor) {
  Integers reaches{};
  for (std::size_t i = 0; i < lanes; i += width) reaches |= load(values + i) >= floor;
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), &reaches, sizeof reaches);
  return (words[0] | words[1]) != 0;
}

inline float exp_of_negative(float x) {
  return exp_of_negative(Floats{x, 0, 0, 0})[0];
}

/// The sum of e^(logit - best).
inline double total_weight(std::span<const float> logits, float best) {
  double total = 0;
  std::size_t i = 0;
  while (i + width <= logits.size()) {
    // Single precision does for some hundred terms.
    Floats sum{};
    for (const auto end = std::min(logits.size(), i + 64 * width); i + width <= end; i += width)
      sum += exp_of_negative(load(&logits[i]) - best);
    for (std::size_t lane = 0; lane < width; ++lane) total += static_cast<double>(sum[lane]);
  }
  for (; i < logits.size(); ++i) total += static_cast<double>(exp_of_negative(logits[i] - best));
  return total;
}

}  // namespace dspy::llama::scores
