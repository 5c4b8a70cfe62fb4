#include "retrieve/kernels/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dspy::vectors {
namespace {

float number(float value) noexcept {
  return value;
}
float number(std::uint16_t value) noexcept {
  return from_half(value);
}

constexpr std::size_t lanes = 16;

/// Sums in lanes, which compilers turn into vector instructions without being allowed to reorder.
template <class T, class Term>
void sum_rows(const T* rows, std::size_t count, std::size_t size, const float* query, float* out, Term term) {
  for (std::size_t i = 0; i < count; ++i, rows += size) {
    float sums[lanes] = {};
    std::size_t at = 0;
    for (; at + lanes <= size; at += lanes)
      for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(number(rows[at + lane]), query[at + lane]);
    for (; at < size; ++at) sums[at % lanes] += term(number(rows[at]), query[at]);
    float sum = 0;
    for (const float part : sums) sum += part;
    out[i] = sum;
  }
}

template <class T>
void dot(const T* rows, std::size_t count, std::size_t size, const float* query, float* out) {
  sum_rows(rows, count, size, query, out, [](float x, float q) { return x * q; });
}

template <class T>
void distance(const T* rows, std::size_t count, std::size_t size, const float* query, float* out) {
  sum_rows(rows, count, size, query, out, [](float x, float q) { return (x - q) * (x - q); });
}

std::int32_t dot_code(const std::uint8_t* codes, const std::int8_t* query, std::size_t stride) {
  std::int32_t sum = 0;
  for (std::size_t at = 0; at < stride; ++at) sum += codes[at] * query[at];
  return sum;
}

void dot_codes(const std::uint8_t* codes, std::size_t count, std::size_t stride, CodedQuery query, std::int64_t* out) {
  for (std::size_t i = 0; i < count; ++i, codes += stride)
    out[i] = std::int64_t{64} * dot_code(codes, query.high, stride) + dot_code(codes, query.low, stride);
}

}  // namespace

std::span<const Kernels> all_kernels() {
  static const std::vector<Kernels> all = {
#ifdef __x86_64__
      kernels_vnni(),
      kernels_x86_64_v4(),
      kernels_x86_64_v3(),
#endif
      {.name = "plain",
       .dot = dot<float>,
       .distance = distance<float>,
       .dot_half = dot<std::uint16_t>,
       .distance_half = distance<std::uint16_t>,
       .dot_codes = dot_codes,
       .dot_code = dot_code,
       .runs_here = true},
  };
  return all;
}

const Kernels& kernels() {
  static const Kernels& best = *std::ranges::find_if(all_kernels(), &Kernels::runs_here);
  return best;
}

float from_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const auto small = static_cast<float>(fraction) * 0x1p-24F;
  return sign != 0 ? -small : small;
}

std::uint16_t to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t size = bits & 0x7FFFFFFFU;
  if (size > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);   // not a number
  if (size >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds to infinity
  if (size >= 0x38800000U) {                                                   // normal
    const auto rounded = size + 0xFFFU + (size >> 13 & 1U);
    return static_cast<std::uint16_t>(sign | (rounded - 0x38000000U) >> 13);
  }
  // Adding 0.5 leaves the fraction in the last ten bits, rounded as the processor rounds.
  const auto shifted = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5F);
  return static_cast<std::uint16_t>(sign | (shifted - 0x3F000000U));
}

}  // namespace dspy::vectors
