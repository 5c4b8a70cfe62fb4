#include "dspy/optimize/kernel/numpy_random.hpp"

#include <array>
#include <bit>
#include <cmath>

namespace dspy::optimize {
namespace {

using Pool = std::array<std::uint32_t, 4>;

/// One half of the seeding's mixing: each use has another constant.
class Hash {
 public:
  Hash(std::uint32_t constant, std::uint32_t factor) : constant_(constant), factor_(factor) {}
  std::uint32_t operator()(std::uint32_t value) {
    value ^= constant_;
    constant_ *= factor_;
    value *= constant_;
    return value ^ value >> 16;
  }

 private:
  std::uint32_t constant_;
  std::uint32_t factor_;
};

Pool pool_of(std::uint64_t seed) {
  Hash hash(0x43b0d7e5U, 0x931e8875U);
  Pool pool = {};
  pool[0] = hash(static_cast<std::uint32_t>(seed));
  pool[1] = hash(static_cast<std::uint32_t>(seed >> 32));
  pool[2] = hash(0);
  pool[3] = hash(0);
  for (std::size_t from = 0; from < pool.size(); ++from) {
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from == to) continue;
      const auto mixed = 0xca01f9ddU * pool[to] - 0x4973f715U * hash(pool[from]);
      pool[to] = mixed ^ mixed >> 16;
    }
  }
  return pool;
}

}  // namespace

NumpyRandom::NumpyRandom(std::uint64_t seed) {
  const auto pool = pool_of(seed);
  Hash hash(0x8b51f9ddU, 0x58f38dedU);
  std::array<std::uint64_t, 4> words = {};
  for (std::size_t i = 0; i < 2 * words.size(); ++i)
    words[i / 2] |= std::uint64_t{hash(pool[i % pool.size()])} << 32 * (i % 2);
  increment_ = (Wide{words[2]} << 64 | words[3]) << 1 | 1;
  step();
  state_ += Wide{words[0]} << 64 | words[1];
  step();
}

void NumpyRandom::step() noexcept {
  constexpr Wide factor = Wide{0x2360ed051fc65da4U} << 64 | 0x4385df649fccf645U;
  state_ = state_ * factor + increment_;
}

std::uint64_t NumpyRandom::word() noexcept {
  step();
  const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  return std::rotr(folded, static_cast<int>(state_ >> 122));
}

double NumpyRandom::uniform() noexcept {
  return static_cast<double>(word() >> 11) * 0x1p-53;
}

std::size_t NumpyRandom::poisson(double mean) noexcept {
  if (mean <= 0) return 0;
  const double limit = std::exp(-mean);
  std::size_t count = 0;
  for (double product = uniform(); product > limit; product *= uniform()) ++count;
  return count;
}

}  // namespace dspy::optimize
