#pragma once

#include <cstddef>
#include <cstdint>

namespace dspy::optimize {

/// Draws what numpy's `default_rng(seed)` draws, which Python DSPy's SIMBA uses in addition to `random.Random`: PCG64
/// (O'Neill 2014) with numpy's seeding.  Not for secrets.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint64_t seed);

  std::uint64_t word() noexcept;
  /// In [0, 1), 53 bits.
  double uniform() noexcept;
  /// How often something happens that is expected `mean` times: numpy's way for means below 10, used for all.
  std::size_t poisson(double mean) noexcept;

 private:
  __extension__ using Wide = unsigned __int128;
  void step() noexcept;

  Wide state_ = 0;
  Wide increment_ = 0;
};

}  // namespace dspy::optimize
