#include "retrieve/kernels/kernels.hpp"

#ifdef __x86_64__

#ifdef __clang__
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512vnni"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v4,avx512vnni")
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace dspy::vectors {
namespace {

__m512 load(const float* at) {
  return _mm512_loadu_ps(at);
}
__m512 load(const std::uint16_t* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}
__m512 load_some(__mmask16 which, const float* at) {
  return _mm512_maskz_loadu_ps(which, at);
}
__m512 load_some(__mmask16 which, const std::uint16_t* at) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(which, at));
}

struct Product {
  static __m512 add(__m512 x, __m512 q, __m512 to) { return _mm512_fmadd_ps(x, q, to); }
};
struct SquaredDifference {
  static __m512 add(__m512 x, __m512 q, __m512 to) {
    const __m512 difference = _mm512_sub_ps(x, q);
    return _mm512_fmadd_ps(difference, difference, to);
  }
};

template <class Term, class T>
void sum_rows(const T* rows, std::size_t count, std::size_t size, const float* query, float* out) {
  const auto rest = static_cast<__mmask16>((1U << (size % 16)) - 1);
  for (std::size_t i = 0; i < count; ++i, rows += size) {
    __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
    std::size_t at = 0;
    for (; at + 64 <= size; at += 64) {
      a = Term::add(load(rows + at), load(query + at), a);
      b = Term::add(load(rows + at + 16), load(query + at + 16), b);
      c = Term::add(load(rows + at + 32), load(query + at + 32), c);
      d = Term::add(load(rows + at + 48), load(query + at + 48), d);
    }
    for (; at + 16 <= size; at += 16) a = Term::add(load(rows + at), load(query + at), a);
    if (rest != 0) b = Term::add(load_some(rest, rows + at), load_some(rest, query + at), b);
    out[i] = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
  }
}

__m512i bytes(const void* at) {
  return _mm512_loadu_si512(at);
}

std::int32_t dot_code(const std::uint8_t* codes, const std::int8_t* query, std::size_t stride) {
  __m512i a = _mm512_setzero_si512(), b = a;
  std::size_t at = 0;
  for (; at + 128 <= stride; at += 128) {
    a = _mm512_dpbusd_epi32(a, bytes(codes + at), bytes(query + at));
    b = _mm512_dpbusd_epi32(b, bytes(codes + at + 64), bytes(query + at + 64));
  }
  if (at < stride) a = _mm512_dpbusd_epi32(a, bytes(codes + at), bytes(query + at));
  return _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
}

void dot_codes(const std::uint8_t* codes, std::size_t count, std::size_t stride, CodedQuery query, std::int64_t* out) {
  for (std::size_t i = 0; i < count; ++i, codes += stride) {
    __m512i high = _mm512_setzero_si512(), low = high;
    for (std::size_t at = 0; at < stride; at += 64) {
      const __m512i x = bytes(codes + at);
      high = _mm512_dpbusd_epi32(high, x, bytes(query.high + at));
      low = _mm512_dpbusd_epi32(low, x, bytes(query.low + at));
    }
    out[i] = std::int64_t{64} * _mm512_reduce_add_epi32(high) + _mm512_reduce_add_epi32(low);
  }
}

// The same without the instructions for products of bytes.
__m512i products(const std::uint8_t* codes, const std::int8_t* query) {
  const __m512i x = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)));
  const __m512i q = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(query)));
  return _mm512_madd_epi16(x, q);
}

std::int32_t dot_code_in_words(const std::uint8_t* codes, const std::int8_t* query, std::size_t stride) {
  __m512i a = _mm512_setzero_si512(), b = a;
  for (std::size_t at = 0; at < stride; at += 64) {
    a = _mm512_add_epi32(a, products(codes + at, query + at));
    b = _mm512_add_epi32(b, products(codes + at + 32, query + at + 32));
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
}

void dot_codes_in_words(const std::uint8_t* codes, std::size_t count, std::size_t stride, CodedQuery query,
                        std::int64_t* out) {
  for (std::size_t i = 0; i < count; ++i, codes += stride)
    out[i] =
        std::int64_t{64} * dot_code_in_words(codes, query.high, stride) + dot_code_in_words(codes, query.low, stride);
}

}  // namespace

Kernels kernels_vnni() {
  return {.name = "x86-64-v4+vnni",
          .dot = sum_rows<Product, float>,
          .distance = sum_rows<SquaredDifference, float>,
          .dot_half = sum_rows<Product, std::uint16_t>,
          .distance_half = sum_rows<SquaredDifference, std::uint16_t>,
          .dot_codes = dot_codes,
          .dot_code = dot_code,
          .runs_here = __builtin_cpu_supports("x86-64-v4") != 0 && __builtin_cpu_supports("avx512vnni") != 0};
}

Kernels kernels_x86_64_v4() {
  auto kernels = kernels_vnni();
  kernels.name = "x86-64-v4";
  kernels.dot_codes = dot_codes_in_words;
  kernels.dot_code = dot_code_in_words;
  kernels.runs_here = __builtin_cpu_supports("x86-64-v4") != 0;
  return kernels;
}

}  // namespace dspy::vectors

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
