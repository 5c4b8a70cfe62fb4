#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace dspy::optimize {

/// Draws what Python's `random.Random(seed)` draws, so that an optimizer picks the demonstrations and minibatches that
/// Python DSPy picks for the same seed.  Mersenne Twister (Matsumoto and Nishimura 1998) with CPython's seeding and its
/// rules for ranges, samples and shuffles.  Not for secrets.
class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);

  std::uint32_t word() noexcept;
  /// In [0, 1), 53 bits.
  double uniform() noexcept;
  /// In [0, bound); `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound) noexcept;
  /// In [low, high], both included.
  std::int64_t integer(std::int64_t low, std::int64_t high) noexcept;
  /// An index into `weights`, as likely as its share of their sum.
  std::size_t weighted(std::span<const double> weights) noexcept;
  /// `count` different indices below `size`, in the order drawn.  `count` is at most `size`.
  std::vector<std::size_t> sample(std::size_t size, std::size_t count);

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (auto i = items.size(); i-- > 1;) std::swap(items[i], items[static_cast<std::size_t>(below(i + 1))]);
  }

 private:
  std::uint64_t bits(int count) noexcept;

  std::array<std::uint32_t, 624> state_ = {};
  std::size_t at_ = 624;
};

}  // namespace dspy::optimize
