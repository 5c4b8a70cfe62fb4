#include "retrieve/kernels/kernels.hpp"

#ifdef __x86_64__

#ifdef __clang__
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v3")
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace dspy::vectors {
namespace {

__m256 load(const float* at) {
  return _mm256_loadu_ps(at);
}
__m256 load(const std::uint16_t* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
float number(float value) {
  return value;
}
float number(std::uint16_t value) {
  return _cvtsh_ss(value);
}

float sum(__m256 lanes) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}

struct Product {
  static __m256 add(__m256 x, __m256 q, __m256 to) { return _mm256_fmadd_ps(x, q, to); }
  static float of(float x, float q) { return x * q; }
};
struct SquaredDifference {
  static __m256 add(__m256 x, __m256 q, __m256 to) {
    const __m256 difference = _mm256_sub_ps(x, q);
    return _mm256_fmadd_ps(difference, difference, to);
  }
  static float of(float x, float q) { return (x - q) * (x - q); }
};

template <class Term, class T>
void sum_rows(const T* rows, std::size_t count, std::size_t size, const float* query, float* out) {
  for (std::size_t i = 0; i < count; ++i, rows += size) {
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    std::size_t at = 0;
    for (; at + 32 <= size; at += 32) {
      a = Term::add(load(rows + at), load(query + at), a);
      b = Term::add(load(rows + at + 8), load(query + at + 8), b);
      c = Term::add(load(rows + at + 16), load(query + at + 16), c);
      d = Term::add(load(rows + at + 24), load(query + at + 24), d);
    }
    for (; at + 8 <= size; at += 8) a = Term::add(load(rows + at), load(query + at), a);
    float all = sum(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
    for (; at < size; ++at) all += Term::of(number(rows[at]), query[at]);
    out[i] = all;
  }
}

__m256i products(const std::uint8_t* codes, const std::int8_t* query) {
  const __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
  const __m256i q = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(query)));
  return _mm256_madd_epi16(x, q);
}

std::int32_t dot_code(const std::uint8_t* codes, const std::int8_t* query, std::size_t stride) {
  __m256i a = _mm256_setzero_si256(), b = a;
  for (std::size_t at = 0; at < stride; at += 32) {
    a = _mm256_add_epi32(a, products(codes + at, query + at));
    b = _mm256_add_epi32(b, products(codes + at + 16, query + at + 16));
  }
  a = _mm256_add_epi32(a, b);
  const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  const __m128i quarter = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0xB1)));
}

void dot_codes(const std::uint8_t* codes, std::size_t count, std::size_t stride, CodedQuery query, std::int64_t* out) {
  for (std::size_t i = 0; i < count; ++i, codes += stride)
    out[i] = std::int64_t{64} * dot_code(codes, query.high, stride) + dot_code(codes, query.low, stride);
}

}  // namespace

Kernels kernels_x86_64_v3() {
  return {.name = "x86-64-v3",
          .dot = sum_rows<Product, float>,
          .distance = sum_rows<SquaredDifference, float>,
          .dot_half = sum_rows<Product, std::uint16_t>,
          .distance_half = sum_rows<SquaredDifference, std::uint16_t>,
          .dot_codes = dot_codes,
          .dot_code = dot_code,
          .runs_here = __builtin_cpu_supports("x86-64-v3") != 0};
}

}  // namespace dspy::vectors

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
