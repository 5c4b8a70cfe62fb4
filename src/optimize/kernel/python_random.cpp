#include "dspy/optimize/kernel/python_random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_set>

namespace dspy::optimize {
namespace {

constexpr std::size_t words = 624;
constexpr std::size_t middle = 397;

}  // namespace

PythonRandom::PythonRandom(std::uint64_t seed) {
  state_[0] = 19650218;
  for (std::uint32_t i = 1; i < words; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;

  const std::array<std::uint32_t, 2> key = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  const std::uint32_t length = key[1] == 0 ? 1 : 2;
  std::size_t i = 1;
  const auto next = [&] {
    if (++i < words) return;
    state_[0] = state_[words - 1];
    i = 1;
  };
  std::uint32_t j = 0;
  for (std::size_t round = 0; round < words; ++round) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525U)) + key[j] + j;
    next();
    if (++j == length) j = 0;
  }
  for (std::size_t round = 1; round < words; ++round) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941U)) - static_cast<std::uint32_t>(i);
    next();
  }
  state_[0] = 0x80000000U;
}

std::uint32_t PythonRandom::word() noexcept {
  if (at_ == words) {
    for (std::size_t i = 0; i < words; ++i) {
      const auto y = (state_[i] & 0x80000000U) | (state_[(i + 1) % words] & 0x7FFFFFFFU);
      state_[i] = state_[(i + middle) % words] ^ (y >> 1) ^ ((y & 1U) != 0 ? 0x9908B0DFU : 0U);
    }
    at_ = 0;
  }
  auto y = state_[at_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680U;
  y ^= (y << 15) & 0xEFC60000U;
  return y ^ (y >> 18);
}

double PythonRandom::uniform() noexcept {
  const auto high = word() >> 5;
  const auto low = word() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

std::uint64_t PythonRandom::bits(int count) noexcept {
  if (count <= 32) return word() >> (32 - count);
  const std::uint64_t low = word();
  return std::uint64_t{word() >> (64 - count)} << 32 | low;
}

std::uint64_t PythonRandom::below(std::uint64_t bound) noexcept {
  const auto count = static_cast<int>(std::bit_width(bound));
  auto drawn = bits(count);
  while (drawn >= bound) drawn = bits(count);
  return drawn;
}

std::int64_t PythonRandom::integer(std::int64_t low, std::int64_t high) noexcept {
  return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
}

std::size_t PythonRandom::weighted(std::span<const double> weights) noexcept {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double point = uniform() * total;
  double sum = 0;
  for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
    sum += weights[i];
    if (point < sum) return i;
  }
  return weights.size() - 1;
}

std::vector<std::size_t> PythonRandom::sample(std::size_t size, std::size_t count) {
  count = std::min(count, size);
  std::vector<std::size_t> out(count);
  double few = 21;  // a list of so many takes no more room than a set of those drawn
  if (count > 5) few += std::pow(4, std::ceil(std::log(static_cast<double>(count) * 3) / std::log(4.0)));
  if (static_cast<double>(size) <= few) {
    std::vector<std::size_t> left(size);
    std::iota(left.begin(), left.end(), std::size_t{0});
    for (std::size_t i = 0; i < count; ++i) {
      const auto j = static_cast<std::size_t>(below(size - i));
      out[i] = left[j];
      left[j] = left[size - i - 1];
    }
    return out;
  }
  std::unordered_set<std::size_t> taken;
  for (auto& each : out) {
    do each = static_cast<std::size_t>(below(size));
    while (!taken.insert(each).second);
  }
  return out;
}

}  // namespace dspy::optimize
