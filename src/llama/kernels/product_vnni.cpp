// For x86-64 processors with AVX-512 and VNNI, whose `vpdpbusd` adds up products of four bytes without a sign and four
// with one.  Weights lose their sign by adding half of their range; what that adds to a sum is known before.

#ifdef __x86_64__

#include <cstddef>
#include <cstdint>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512vnni"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v4,avx512vnni")
#endif

#include "llama/kernels/product_strips.hpp"

#include <immintrin.h>

namespace dspy::llama::kernels {
namespace {

using Index = std::ptrdiff_t;

/// What is no finite number, as `_mm512_fpclass_ps_mask` counts kinds: NaNs of both sorts, infinity of both signs.
constexpr int odd_kinds = 0x01 | 0x80 | 0x08 | 0x10;

/// One column's inputs, rounded: per block the largest becomes ±127, and the scale a half float, or no number where an
/// input is none.  `middle`: what was added to weights.
void round_inputs(const float* from, Index blocks, int middle, std::int8_t* to, float* scales, std::int32_t* offsets) {
  for (Index block = 0; block < blocks; ++block, from += weight_block, to += weight_block) {
    const auto low = _mm512_loadu_ps(from);
    const auto high = _mm512_loadu_ps(from + 16);
    if ((_mm512_fpclass_ps_mask(low, odd_kinds) | _mm512_fpclass_ps_mask(high, odd_kinds)) != 0) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_setzero_si256());
      scales[block] = __builtin_nanf("");
      offsets[block] = 0;
      continue;
    }
    const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    const auto factor =
        _mm512_set1_ps(largest > 1e-30F ? 127.0F / largest : 0);  // a half float's scale is 0 long before
    const auto low_words = _mm512_cvtps_epi32(_mm512_mul_ps(low, factor));
    const auto high_words = _mm512_cvtps_epi32(_mm512_mul_ps(high, factor));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(low_words));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), _mm512_cvtepi32_epi8(high_words));
    scales[block] = _cvtsh_ss(_cvtss_sh(largest / 127.0F, _MM_FROUND_TO_NEAREST_INT));
    offsets[block] = -middle * _mm512_reduce_add_epi32(_mm512_add_epi32(low_words, high_words));
  }
}

/// The weights of a block, each plus half of their range.
template <WeightType Type>
[[gnu::always_inline]] inline __m256i weights_of(const std::byte* block) {
  if constexpr (Type == WeightType::q8_0) {
    return _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 2)),
                            _mm256_set1_epi8(static_cast<char>(0x80)));
  } else {
    // Each byte holds the low four bits of weight i below those of weight i + 16.
    constexpr int at = Type == WeightType::q5_0 ? 6 : 2;
    const auto both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + at));
    const auto low_bits = _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(both, 4), both), _mm256_set1_epi8(0x0F));
    if constexpr (Type == WeightType::q4_0) return low_bits;
    std::uint32_t fifth_bits = 0;
    __builtin_memcpy(&fifth_bits, block + 2, sizeof fifth_bits);
    return _mm256_or_si256(low_bits, _mm256_maskz_set1_epi8(fifth_bits, 0x10));
  }
}

template <WeightType Type>
constexpr int middle = Type == WeightType::q8_0   ? 128
                       : Type == WeightType::q5_0 ? 16
                                                  : 8;
template <WeightType Type>
constexpr int bytes = Type == WeightType::q8_0   ? 34
                      : Type == WeightType::q5_0 ? 22
                                                 : 18;

/// Eight rows of eight words become eight words of eight rows.
void transpose(const __m256i (&rows)[8], __m256i (&words)[8]) {
  __m256i pairs[8];
  __m256i quads[8];
#pragma GCC unroll 4
  for (Index i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 2
  for (Index i = 0; i < 8; i += 4) {
    quads[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
#pragma GCC unroll 4
  for (Index i = 0; i < 4; ++i) {
    words[i] = _mm256_permute2x128_si256(quads[i], quads[i + 4], 0x20);
    words[i + 4] = _mm256_permute2x128_si256(quads[i], quads[i + 4], 0x31);
  }
}

/// The scales of eight rows' blocks.
__m128i scales_of(const std::byte* const (&rows)[8]) {
  std::uint16_t halves[8];
#pragma GCC unroll 8
  for (Index i = 0; i < 8; ++i) __builtin_memcpy(&halves[i], rows[i], sizeof halves[i]);
  return _mm_setr_epi16(static_cast<short>(halves[0]), static_cast<short>(halves[1]), static_cast<short>(halves[2]),
                        static_cast<short>(halves[3]), static_cast<short>(halves[4]), static_cast<short>(halves[5]),
                        static_cast<short>(halves[6]), static_cast<short>(halves[7]));
}

/// Lays half a strip out as lanes, for `blocks` blocks.  What lies `ahead` is fetched: sixteen rows at once are too
/// many for processors to see where the next ones begin.
template <WeightType Type>
void lay_half(const std::byte* (&rows)[8], Index blocks, std::size_t ahead, std::uint8_t* strip, float* scales) {
  for (Index block = 0; block < blocks; ++block, strip += Index{strip_rows} * weight_block, scales += strip_rows) {
    __m256i lines[8];
    __m256i words[8];
    _mm256_store_ps(scales, _mm256_cvtph_ps(scales_of(rows)));
#pragma GCC unroll 8
    for (Index i = 0; i < 8; ++i) {
      lines[i] = weights_of<Type>(rows[i]);
      _mm_prefetch(rows[i] + ahead, _MM_HINT_T0);
      rows[i] += bytes<Type>;
    }
    transpose(lines, words);
#pragma GCC unroll 8
    for (Index word = 0; word < 8; ++word)
      _mm256_store_si256(reinterpret_cast<__m256i*>(strip + word * 64), words[word]);
  }
}

struct Rows {
  const std::byte* starts[8];
};

/// Eight rows from `row` on.  Past the end, the last one again; nobody reads what those give.
Rows rows_from(const Product& product, Index row) {
  Rows rows;
  for (Index i = 0; i < 8; ++i) {
    const Index real = row + i < product.rows ? row + i : product.rows - 1;
    rows.starts[i] = product.weights + static_cast<std::size_t>(real) * product.weight_row_stride;
  }
  return rows;
}

/// Sixteen rows from `row` on become lanes.
template <WeightType Type>
void lay_strip(const Product& product, Index row, const ProductScratch& scratch) {
  for (Index half = 0; half < 2; ++half) {
    auto rows = rows_from(product, row + half * 8);
    lay_half<Type>(rows.starts, product.length / weight_block, strip_rows * product.weight_row_stride,
                   scratch.strip + half * 32, scratch.strip_scales + half * 8);
  }
}

/// Eight sums of eight numbers.
__m256i sums_of(const __m256i (&lines)[8]) {
  const auto first = _mm256_hadd_epi32(_mm256_hadd_epi32(lines[0], lines[1]), _mm256_hadd_epi32(lines[2], lines[3]));
  const auto second = _mm256_hadd_epi32(_mm256_hadd_epi32(lines[4], lines[5]), _mm256_hadd_epi32(lines[6], lines[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(first, second, 0x20),
                          _mm256_permute2x128_si256(first, second, 0x31));
}

/// A single column, for which laying rows out anew would not pay: the same sums in the same order, so that a column
/// gets the same numbers alone and in company.
template <WeightType Type>
void multiply_alone(const Product& product, Index row, const ProductScratch& scratch, __mmask8 wanted) {
  auto rows = rows_from(product, row);
  const auto* inputs = scratch.inputs;
  auto sums = _mm256_setzero_ps();
  for (Index block = 0; block < product.length / weight_block; ++block, inputs += weight_block) {
    const auto input = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(inputs));
    const auto scales = _mm256_cvtph_ps(scales_of(rows.starts));
    __m256i lines[8];
#pragma GCC unroll 8
    for (Index i = 0; i < 8; ++i) {
      lines[i] = _mm256_dpbusd_epi32(_mm256_setzero_si256(), weights_of<Type>(rows.starts[i]), input);
      _mm_prefetch(rows.starts[i] + strip_rows * product.weight_row_stride, _MM_HINT_T0);
      rows.starts[i] += bytes<Type>;
    }
    const auto whole = _mm256_add_epi32(sums_of(lines), _mm256_set1_epi32(scratch.offsets[block]));
    sums = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(whole), scales),
                           _mm256_set1_ps(scratch.input_scales[block]), sums);
  }
  _mm256_mask_storeu_ps(product.out + static_cast<std::size_t>(row) * sizeof(float), wanted, sums);
}

/// A strip times `Columns` columns from `column` on.
template <int Columns>
void multiply_strip(const ProductScratch& scratch, Index column, Index length, std::byte* out, std::size_t out_stride,
                    __mmask16 rows) {
  const Index blocks = length / weight_block;
  const auto* const inputs = scratch.inputs + column * length;
  const auto* const input_scales = scratch.input_scales + column * blocks;
  const auto* const offsets = scratch.offsets + column * blocks;
  __m512 sums[Columns];
#pragma GCC unroll 8
  for (Index c = 0; c < Columns; ++c) sums[c] = _mm512_setzero_ps();
  for (Index block = 0; block < blocks; ++block) {
    __m512i whole[Columns];
#pragma GCC unroll 8
    for (Index c = 0; c < Columns; ++c) whole[c] = _mm512_set1_epi32(offsets[c * blocks + block]);
#pragma GCC unroll 8
    for (Index word = 0; word < 8; ++word) {
      const auto weights = _mm512_load_si512(scratch.strip + (block * 8 + word) * 64);
#pragma GCC unroll 8
      for (Index c = 0; c < Columns; ++c) {
        std::int32_t four = 0;
        __builtin_memcpy(&four, inputs + c * length + block * weight_block + word * 4, 4);
        whole[c] = _mm512_dpbusd_epi32(whole[c], weights, _mm512_set1_epi32(four));
      }
    }
    const auto scales = _mm512_load_ps(scratch.strip_scales + block * strip_rows);
#pragma GCC unroll 8
    for (Index c = 0; c < Columns; ++c)
      sums[c] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(whole[c]), scales),
                                _mm512_set1_ps(input_scales[c * blocks + block]), sums[c]);
  }
#pragma GCC unroll 8
  for (Index c = 0; c < Columns; ++c)
    _mm512_mask_storeu_ps(out + static_cast<std::size_t>(c) * out_stride, rows, sums[c]);
}

using Strip = void (*)(const ProductScratch& scratch, Index column, Index length, std::byte* out,
                       std::size_t out_stride, __mmask16 rows);
constexpr int most_columns = 8;
constexpr Strip strips[most_columns] = {multiply_strip<1>, multiply_strip<2>, multiply_strip<3>, multiply_strip<4>,
                                        multiply_strip<5>, multiply_strip<6>, multiply_strip<7>, multiply_strip<8>};

template <WeightType Type>
void multiply_all(const Product& product, std::byte* start, int* next, int threads) {
  const auto scratch = lay_out(product, start);
  const Index blocks = product.length / weight_block;
  const Index strip_count = (product.rows + strip_rows - 1) / strip_rows;
  // Small enough that a thread that lags has little left to do when the others are done.
  const Index fair = strip_count / (Index{threads} * 8);
  const Index share = fair > 1 ? fair : 1;
  const Index shares = (strip_count + share - 1) / share;
  const Index most = pass_columns(product);
  const Index passes = (product.columns + most - 1) / most;
  Index rounded = -1;
  for (;;) {
    const Index unit = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
    if (unit >= shares * passes) return;
    const Index pass = unit / shares;
    const Index first = pass * most;
    const Index columns = product.columns - first < most ? product.columns - first : most;
    for (Index c = 0; c < columns && pass != rounded; ++c) {
      const auto* const from = reinterpret_cast<const float*>(product.inputs + static_cast<std::size_t>(first + c) *
                                                                                   product.input_column_stride);
      round_inputs(from, blocks, middle<Type>, scratch.inputs + c * product.length, scratch.input_scales + c * blocks,
                   scratch.offsets + c * blocks);
    }
    rounded = pass;
    const Index last = (unit % shares + 1) * share;
    for (Index strip = unit % shares * share; strip < strip_count && strip < last; ++strip) {
      const Index row = strip * strip_rows;
      const Index rows = product.rows - row < strip_rows ? product.rows - row : strip_rows;
      if (product.columns == 1) {
        for (Index half = 0; half < 2; ++half)
          if (const Index left = rows - half * 8; left > 0)
            multiply_alone<Type>(product, row + half * 8, scratch,
                                 static_cast<__mmask8>(left < 8 ? (1U << left) - 1 : 0xFFU));
        continue;
      }
      lay_strip<Type>(product, row, scratch);
      const auto wanted = static_cast<__mmask16>((1U << rows) - 1);
      for (Index c = 0; c < columns; c += most_columns) {
        const Index together = columns - c < most_columns ? columns - c : most_columns;
        strips[together - 1](scratch, c, product.length,
                             product.out + static_cast<std::size_t>(first + c) * product.out_column_stride +
                                 static_cast<std::size_t>(row) * sizeof(float),
                             product.out_column_stride, wanted);
      }
    }
  }
}

}  // namespace

void multiply_vnni(const Product& product, std::byte* scratch, int* next, int threads) {
  switch (product.type) {
    case WeightType::q8_0: return multiply_all<WeightType::q8_0>(product, scratch, next, threads);
    case WeightType::q5_0: return multiply_all<WeightType::q5_0>(product, scratch, next, threads);
    case WeightType::q4_0: return multiply_all<WeightType::q4_0>(product, scratch, next, threads);
  }
}

}  // namespace dspy::llama::kernels

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
