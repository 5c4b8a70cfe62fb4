// The text of the products with weights of 16 bits, as floats.
#pragma once

#include "llama/kernels/product_share.hpp"
#include "llama/kernels/product_strips.hpp"
#include "llama/kernels/vectors.hpp"

namespace dspy::llama::kernels {
namespace {

constexpr Index eight = 8;  ///< Weights that are read together: 16 bytes of a row.

template <WeightType Type>
DSPY_INLINE Bytes widened(Bytes shorts, bool high) {
  if constexpr (Type == WeightType::bf16)
    return high ? high_shorts(Bytes{}, shorts) : low_shorts(Bytes{}, shorts);
  else
    return as<Bytes>(halves(as<Words>(high ? high_shorts(shorts, Bytes{}) : low_shorts(shorts, Bytes{}))));
}

/// Calls `take(k, weights)` eight weights at a time: `weights[i]` are those of all rows with input k + i.
template <WeightType Type, class Take>
DSPY_INLINE void for_each_eight(const std::byte* const* rows, Index length, std::size_t ahead, Take&& take) {
  for (Index k = 0; k < length; k += eight) {
    Bytes words[eight];
#pragma GCC unroll 4
    for (Index i = 0; i < 4; ++i) {
      const auto shorts = parts_of(rows + i, k * 2);
      words[i] = widened<Type>(shorts, /*high=*/false);
      words[i + 4] = widened<Type>(shorts, /*high=*/true);
    }
    transpose(words[0], words[1], words[2], words[3]);
    transpose(words[4], words[5], words[6], words[7]);
    if (k % 32 == 0) {
#pragma GCC unroll 16
      for (Index row = 0; row < lanes; ++row) __builtin_prefetch(rows[row] + static_cast<std::size_t>(k * 2) + ahead);
    }
    take(k, words);
  }
}

#ifdef __AVX2__
constexpr int float_columns = lanes == 16 ? 12 : 8;
#else
constexpr int float_columns = 8;
#endif

struct Columns {
  const float* starts[float_columns];
};

template <int Count>
void multiply_floats(const ProductScratch& scratch, const Columns& columns, Index length, float* out) {
  Floats sums[Count] = {};
  for (Index k = 0; k < length; ++k) {
    const auto weights = load<Floats>(scratch.strip + k * vector_bytes);
#pragma GCC unroll 16
    for (Index c = 0; c < Count; ++c) sums[c] = fused(sums[c], weights, all_lanes(columns.starts[c][k]));
  }
#pragma GCC unroll 16
  for (Index c = 0; c < Count; ++c) store(sums[c], out + c * lanes);
}

template <int Count = float_columns>
DSPY_INLINE void multiply_float_columns(const ProductScratch& scratch, const Columns& columns, Index count,
                                        Index length, float* out) {
  if constexpr (Count > 1) {
    if (count < Count) return multiply_float_columns<Count - 1>(scratch, columns, count, length, out);
  }
  multiply_floats<Count>(scratch, columns, length, out);
}

template <WeightType Type>
void multiply_halves(const Product& product, std::byte* start, int threads, Units& units) {
  const auto scratch = lay_out(product, start);
  const Index length = product.length;
  const auto ahead = static_cast<std::size_t>(lanes) * product.weight_row_stride;
  const auto strip = [&](const StripRows& rows, Index first, Index count) {
    alignas(vector_bytes) float out[float_columns * lanes];
    if (count == 1) {
      const auto* const inputs = input_column(product, first);
      Floats sum{};
      for_each_eight<Type>(rows.starts, length, ahead, [&] [[gnu::always_inline]] (Index k, const Bytes* words) {
#pragma GCC unroll 8
        for (Index i = 0; i < eight; ++i) sum = fused(sum, as<Floats>(words[i]), all_lanes(inputs[k + i]));
      });
      store(sum, out);
      return write_out(product, rows, first, 1, out);
    }
    for_each_eight<Type>(rows.starts, length, ahead, [&] [[gnu::always_inline]] (Index k, const Bytes* words) {
#pragma GCC unroll 8
      for (Index i = 0; i < eight; ++i) store(words[i], scratch.strip + (k + i) * vector_bytes);
    });
    for (Index c = 0; c < count; c += float_columns) {
      const Index together = count - c < float_columns ? count - c : float_columns;
      Columns columns;
      for (Index i = 0; i < together; ++i) columns.starts[i] = input_column(product, first + c + i);
      multiply_float_columns(scratch, columns, together, length, out);
      write_out(product, rows, first + c, together, out);
    }
  };
  share_out(product, threads, units, [](Index, Index) {}, strip);
}

}  // namespace
}  // namespace dspy::llama::kernels
