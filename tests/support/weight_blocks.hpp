#pragma once

#include "llama/kernels/product.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace dspy::test {

using llama::kernels::block_size;
using llama::kernels::WeightType;

/// What ggml's documentation of the formats says of a block of weights, number by number.
class WeightBlock {
 public:
  WeightBlock(WeightType type, const std::byte* bytes) : type_(type), bytes_(bytes) {}

  double weight(std::ptrdiff_t i) const {
    using enum WeightType;
    switch (type_) {
      case q8_0: return half(0) * sign(2 + i);
      case q4_0: return half(0) * (nibble(2, i) - 8);
      case q5_0: return half(0) * (nibble(6, i) + 16 * bit(2, i) - 16);
      case q4_1: return half(0) * nibble(4, i) + half(2);
      case q5_1: return half(0) * (nibble(8, i) + 16 * bit(4, i)) + half(2);
      case iq4_nl: return half(0) * nonlinear(nibble(2, i));
      case mxfp4: return std::ldexp(four_bit_float(nibble(1, i)), byte(0) - 127);
      case q4_k: return scaled(i, half_of(16 + i / 64 * 32 + i % 32, i / 32 % 2));
      case q5_k:
        return scaled(i, half_of(48 + i / 64 * 32 + i % 32, i / 32 % 2) + 16 * (byte(16 + i % 32) >> i / 32 & 1));
      case q6_k: {
        const auto half_block = i / 128, within = i % 128;
        const int low = half_of(half_block * 64 + within % 64, within / 64);
        const int high = byte(128 + half_block * 32 + within % 32) >> within / 32 * 2 & 3;
        return half(208) * sign(192 + i / 16) * (low + 16 * high - 32);
      }
      case iq4_xs: {
        const auto span = i / 32;
        const int scale = half_of(4 + span / 2, span % 2) | (byte(2 + span / 4) >> span % 4 * 2 & 3) << 4;
        return half(0) * (scale - 32) * nonlinear(nibble(8 + span * 16, i % 32));
      }
      case f16: return half(i * 2);
      case bf16: {
        const auto bits = static_cast<std::uint32_t>(byte(i * 2) | byte(i * 2 + 1) << 8) << 16;
        float value = 0;
        std::memcpy(&value, &bits, sizeof value);
        return double{value};
      }
    }
    return 0;
  }

  /// Of weights that share a scale.
  static int span(WeightType type) { return type == WeightType::q6_k ? 16 : 32; }

 private:
  int byte(std::ptrdiff_t at) const { return std::to_integer<int>(bytes_[at]); }
  int sign(std::ptrdiff_t at) const { return (byte(at) ^ 128) - 128; }
  int half_of(std::ptrdiff_t at, std::ptrdiff_t high) const { return high ? byte(at) >> 4 : byte(at) & 15; }
  int nibble(std::ptrdiff_t start, std::ptrdiff_t i) const { return half_of(start + i % 16, i / 16); }
  int bit(std::ptrdiff_t start, std::ptrdiff_t i) const { return byte(start + i / 8) >> i % 8 & 1; }
  double half(std::ptrdiff_t at) const {
    _Float16 value{};
    std::memcpy(&value, bytes_ + at, sizeof value);
    return static_cast<double>(value);
  }
  static int nonlinear(int place) {
    constexpr int values[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return values[place];
  }
  /// One bit of sign, two of exponent, one of mantissa.
  static double four_bit_float(int bits) {
    const int exponent = bits >> 1 & 3, mantissa = bits & 1;
    const double size = exponent == 0 ? mantissa * 0.5 : std::ldexp(1 + mantissa * 0.5, exponent - 1);
    return bits & 8 ? -size : size;
  }
  /// Q4_K and Q5_K: six bits of scale and of minimum for each 32 weights.
  double scaled(std::ptrdiff_t i, int whole) const {
    const auto span = i / 32;
    const auto scales = [&](std::ptrdiff_t j) { return byte(4 + j); };
    const int scale = span < 4 ? scales(span) & 63 : (scales(span + 4) & 15) | scales(span - 4) >> 6 << 4;
    const int minimum = span < 4 ? scales(span + 4) & 63 : scales(span + 4) >> 4 | scales(span) >> 6 << 4;
    return half(0) * scale * whole - half(2) * minimum;
  }

  WeightType type_;
  const std::byte* bytes_;
};

/// Blocks of random bits, with scales in the range that real ones have.
inline std::vector<std::byte> random_blocks(WeightType type, std::size_t count, std::mt19937& random) {
  using enum WeightType;
  const auto size = block_size(type);
  std::uniform_int_distribution<int> byte(0, 255);
  std::normal_distribution<float> number(0, 1);
  std::vector<std::byte> all(count * size.bytes);
  for (auto& one : all) one = static_cast<std::byte>(byte(random));
  for (std::size_t at = 0; at < all.size(); at += size.bytes) {
    const auto set_half = [&](std::size_t place, float value) {
      const auto half = static_cast<_Float16>(value);
      std::memcpy(&all[at + place], &half, sizeof half);
    };
    const float scale = 0.01F + 0.001F * static_cast<float>(byte(random));
    switch (type) {
      case q4_1:
      case q5_1:
        set_half(0, scale);
        set_half(2, number(random) * scale * 8);
        break;
      case q4_k:
      case q5_k:
        set_half(0, scale / 32);
        set_half(2, scale / 8);
        break;
      case q6_k: set_half(208, scale / 64); break;
      case iq4_xs: set_half(0, scale / 128); break;
      case mxfp4: all[at] = static_cast<std::byte>(120 + byte(random) % 8); break;
      case f16:
        for (std::size_t i = 0; i < 8; ++i) set_half(i * 2, number(random));
        break;
      case bf16:
        for (std::size_t i = 0; i < 8; ++i) {
          const float value = number(random);
          std::memcpy(&all[at + i * 2], reinterpret_cast<const std::byte*>(&value) + 2, 2);
        }
        break;
      default: set_half(0, scale); break;
    }
  }
  return all;
}

}  // namespace dspy::test
