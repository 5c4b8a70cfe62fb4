#pragma once

#include "dspy/llama/model.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

// What the benchmarks have in common that are not a Google Benchmark programs.

namespace dspy::bench {

using Clock = std::chrono::steady_clock;
using Tokens = std::vector<llama::Token>;

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

inline double seconds(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

inline double seconds(const rusage& used) {
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

/// Processor time of this process.
inline double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return seconds(used);
}

/// Tokens that are plain text in every byte-level vocabulary; the same for every run.
inline Tokens random_tokens(std::size_t count, std::uint64_t seed) {
  Tokens tokens;
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    tokens.push_back(static_cast<llama::Token>(10 + (seed >> 33) % 230));
  }
  return tokens;
}

}  // namespace dspy::bench
