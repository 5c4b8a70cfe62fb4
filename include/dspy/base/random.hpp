#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace dspy {

/// Random numbers that are the same on every machine and standard library for the same seed, for splits, samples and
/// optimizers.  Not for secrets.  SplitMix64 (Steele, Lea and Flood 2014).
class Random {
 public:
  using result_type = std::uint64_t;

  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~std::uint64_t{0}; }
  result_type operator()() noexcept {
    auto z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  /// In [0, bound), all equally likely; 0 for a bound of 0.
  std::uint64_t below(std::uint64_t bound) noexcept {
    if (bound == 0) return 0;
    const auto unfair = (max() - bound + 1) % bound;  // 2^64 mod bound
    auto drawn = (*this)();
    while (drawn < unfair) drawn = (*this)();
    return drawn % bound;
  }
  /// In [0, 1).
  double uniform() noexcept { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

  template <class T>
  void shuffle(std::span<T> items) {
    for (auto left = items.size(); left > 1; --left)
      std::swap(items[left - 1], items[static_cast<std::size_t>(below(left))]);
  }

  /// An independent generator for a part of the work, so that parts do not depend on each other's order.
  Random fork(std::uint64_t part) const noexcept {
    Random other(state_ ^ (part + 1) * 0xD1342543DE82EF95ULL);
    other();
    return other;
  }

 private:
  std::uint64_t state_;
};

}  // namespace dspy
