// The text of the products with weights in blocks.  See product.hpp for what they compute, vectors.hpp for how it is
// compiled.
#pragma once

#include "llama/kernels/product_formats.hpp"
#include "llama/kernels/product_share.hpp"
#include "llama/kernels/product_strips.hpp"
#include "llama/kernels/vectors.hpp"

namespace dspy::llama::kernels {
namespace {

template <WeightType Type>
constexpr Index spans_of = Format<Type>::weights / Format<Type>::span;
template <WeightType Type>
constexpr Index words_of = Format<Type>::span / 4;

/// One column's inputs, rounded: per span the largest becomes ±127; the scale is not a number where an input is none.
template <WeightType Type>
void round_inputs(const float* from, Index length, std::int8_t* to, float* scales, std::int32_t* offsets, float* sums) {
  using F = Format<Type>;
  using Few = std::int8_t __attribute__((vector_size(lanes)));
  constexpr Index vectors = F::span / lanes;
  const Floats rounding = Floats{} + 12582912.0F;  // adding it leaves the nearest integer in the low bits
  for (Index block = 0; block < length / F::weights; ++block, from += F::weights) {
    for (Index span = 0; span < spans_of<Type>; ++span, to += F::span) {
      const auto* const start = from + F::place(span * (F::span / 16)) * 16;
      Floats number[vectors];
      Words largest{};
#pragma GCC unroll 8
      for (Index v = 0; v < vectors; ++v) {
        number[v] = load<Floats>(start + v * lanes);
        const auto size = as<Words>(number[v]) & 0x7FFF'FFFF;
        largest = size > largest ? size : largest;
      }
      std::uint32_t most = 0;
      for (Index lane = 0; lane < lanes; ++lane) most = largest[lane] > most ? largest[lane] : most;
      const Index at = block * spans_of<Type> + span;
      const bool is_number = most < 0x7F80'0000;
      const float size = is_number ? __builtin_bit_cast(float, most) : 0;
      const float factor = size > 1e-30F ? 127.0F / size : 0;
      Ints sum{};
#pragma GCC unroll 8
      for (Index v = 0; v < vectors; ++v) {
        const Floats finite = is_number ? number[v] : Floats{};
        const auto whole = as<Ints>(finite * factor + rounding) - as<Ints>(rounding);
        sum += whole;
        store(__builtin_convertvector(whole, Few), to + v * lanes);
      }
      std::int32_t total = 0;
      for (Index lane = 0; lane < lanes; ++lane) total += sum[lane];
      scales[at] = is_number ? size / 127.0F : __builtin_nanf("");
      if constexpr (F::has_minimum)
        sums[at] = scales[at] * static_cast<float>(total);
      else
        offsets[at] = -F::middle * total;
    }
  }
}

/// Calls `take(span, pieces, scale, minimum)` for the spans of a strip of rows in turn; pieces[i * 4 + k] has 16
/// weights each of the rows from k on that lie four apart.  What lies `ahead` is fetched: so many rows at once are too
/// many for processors to see where the next ones begin.
template <WeightType Type, class Take>
DSPY_INLINE void for_each_span(const std::byte* const* rows, Index blocks, std::size_t ahead, Take&& take) {
  using F = Format<Type>;
  constexpr Index span_pieces = F::span / 16;
  constexpr Index chunk_spans = F::pieces / span_pieces;
  for (Index block = 0; block < blocks; ++block) {
    const Index at = block * F::bytes;
    Floats scale[spans_of<Type>];
    Floats minimum[F::has_minimum ? spans_of<Type> : 1] = {};
    F::scales(rows, at, scale, minimum);
    for (Index chunk = 0; chunk < F::chunks; ++chunk) {
      Bytes pieces[F::pieces * 4];
#pragma GCC unroll 4
      for (Index k = 0; k < 4; ++k) {
        Bytes piece[F::pieces];
        F::read(rows + k, at, chunk, piece);
#pragma GCC unroll 4
        for (Index i = 0; i < F::pieces; ++i) pieces[i * 4 + k] = piece[i];
      }
      const auto line = static_cast<std::size_t>(at + chunk * (F::bytes / F::chunks));
      if (line % 64 < static_cast<std::size_t>(F::bytes / F::chunks)) {
#pragma GCC unroll 16
        for (Index row = 0; row < lanes; ++row) __builtin_prefetch(rows[row] + line + ahead);
      }
#pragma GCC unroll 4
      for (Index i = 0; i < chunk_spans; ++i) {
        const Index span = chunk * chunk_spans + i;
        take(block * spans_of<Type> + span, pieces + i * words_of<Type>, scale[span],
             minimum[F::has_minimum ? span : 0]);
      }
    }
  }
}

/// What a span adds to a column.  In one place, so that it is the same alone and in company.
template <WeightType Type>
DSPY_INLINE Floats with_span(Floats sum, Ints whole, Floats scale, Floats minimum, float input_scale, float input_sum) {
  sum = fused(sum, to_floats(whole) * scale, all_lanes(input_scale));
  if constexpr (Format<Type>::has_minimum) sum = fused(sum, minimum, all_lanes(input_sum));
  return sum;
}

template <WeightType Type>
DSPY_INLINE Sum<Format<Type>::bits> sum_from(const std::int32_t* offset) {
  return Sum<Format<Type>::bits>(Format<Type>::middle == 0 ? Ints{} : Ints{} + *offset);
}

DSPY_INLINE Bytes four_of(const std::int8_t* inputs) {
  return as<Bytes>(Ints{} + load<std::int32_t>(inputs));
}

/// A strip becomes lanes, in memory.
template <WeightType Type>
void lay_strip(const std::byte* const* rows, Index blocks, std::size_t ahead, const ProductScratch& scratch) {
  for_each_span<Type>(rows, blocks, ahead,
                      [&] [[gnu::always_inline]] (Index span, Bytes * words, Floats scale, Floats minimum) {
#pragma GCC unroll 2
                        for (Index i = 0; i < words_of<Type>; i += 4)
                          transpose(words[i], words[i + 1], words[i + 2], words[i + 3]);
                        auto* const to = scratch.strip + span * words_of<Type> * vector_bytes;
#pragma GCC unroll 8
                        for (Index word = 0; word < words_of<Type>; ++word)
                          store(words[word], to + word * vector_bytes);
                        store(scale, scratch.strip_scales + span * lanes);
                        if constexpr (Format<Type>::has_minimum) store(minimum, scratch.strip_minima + span * lanes);
                      });
}

/// A strip times one column, for which laying it out in memory would not pay.
template <WeightType Type>
void multiply_alone(const std::byte* const* rows, Index blocks, std::size_t ahead, const ProductScratch& scratch,
                    float* out) {
  Floats sum{};
  for_each_span<Type>(
      rows, blocks, ahead, [&] [[gnu::always_inline]] (Index span, const Bytes* pieces, Floats scale, Floats minimum) {
        const auto* const inputs = scratch.inputs + span * Format<Type>::span;
        Sum<Format<Type>::bits> row[4];
#pragma GCC unroll 4
        for (Index k = 0; k < 4; ++k) {
#pragma GCC unroll 2
          for (Index i = 0; i < words_of<Type> / 4; ++i)
            row[k].add(pieces[i * 4 + k], repeated(inputs + i * 16), i, words_of<Type> / 4);
        }
        auto whole = added_up(row[0].value(), row[1].value(), row[2].value(), row[3].value());
        if constexpr (Format<Type>::middle != 0) whole += scratch.offsets[span];
        sum = with_span<Type>(sum, whole, scale, minimum, scratch.input_scales[span], scratch.input_sums[span]);
      });
  store(sum, out);
}

#ifdef __AVX2__
constexpr int columns_at_once = lanes == 16 ? 8 : 4;  // so many sums as there are registers for
#else
constexpr int columns_at_once = 8;
#endif

/// A strip times `Columns` columns from `column` on, to out[column][row].
template <WeightType Type, int Columns>
void multiply_strip(const ProductScratch& scratch, Index column, Index length, float* out) {
  using F = Format<Type>;
  const Index spans = length / F::span;
  const auto* const inputs = scratch.inputs + column * length;
  const auto* const scales = scratch.input_scales + column * spans;
  const auto* const offsets = scratch.offsets + column * spans;
  const auto* const sums_of_inputs = scratch.input_sums + column * spans;
  Floats sums[Columns] = {};
  for (Index span = 0; span < spans; ++span) {
    Sum<F::bits> whole[Columns];
#pragma GCC unroll 8
    for (Index c = 0; c < Columns; ++c) whole[c] = sum_from<Type>(offsets + c * spans + span);
    const auto* const words = scratch.strip + span * words_of<Type> * vector_bytes;
#pragma GCC unroll 8
    for (Index word = 0; word < words_of<Type>; ++word) {
      const auto weights = load<Bytes>(words + word * vector_bytes);
#pragma GCC unroll 8
      for (Index c = 0; c < Columns; ++c)
        whole[c].add(weights, four_of(inputs + c * length + span * F::span + word * 4), word, words_of<Type>);
    }
    const auto scale = load<Floats>(scratch.strip_scales + span * lanes);
    const auto minimum = F::has_minimum ? load<Floats>(scratch.strip_minima + span * lanes) : Floats{};
#pragma GCC unroll 8
    for (Index c = 0; c < Columns; ++c)
      sums[c] = with_span<Type>(sums[c], whole[c].value(), scale, minimum, scales[c * spans + span],
                                F::has_minimum ? sums_of_inputs[c * spans + span] : 0);
  }
#pragma GCC unroll 8
  for (Index c = 0; c < Columns; ++c) store(sums[c], out + c * lanes);
}

/// The same for a number of columns that is known when it runs.
template <WeightType Type, int Columns = columns_at_once>
DSPY_INLINE void multiply_columns(const ProductScratch& scratch, Index column, Index columns, Index length,
                                  float* out) {
  if constexpr (Columns > 1) {
    if (columns < Columns) return multiply_columns<Type, Columns - 1>(scratch, column, columns, length, out);
  }
  multiply_strip<Type, Columns>(scratch, column, length, out);
}

template <WeightType Type>
void multiply_blocks(const Product& product, std::byte* start, int threads, Units& units) {
  using F = Format<Type>;
  const auto scratch = lay_out(product, start);
  const Index spans = product.length / F::span;
  const Index blocks = product.length / F::weights;
  const auto ahead = static_cast<std::size_t>(lanes) * product.weight_row_stride;
  const auto prepare = [&](Index first, Index columns) {
    for (Index c = 0; c < columns; ++c)
      round_inputs<Type>(input_column(product, first + c), product.length, scratch.inputs + c * product.length,
                         scratch.input_scales + c * spans, scratch.offsets + c * spans, scratch.input_sums + c * spans);
  };
  const auto strip = [&](const StripRows& rows, Index first, Index columns) {
    alignas(vector_bytes) float out[columns_at_once * lanes];
    if (columns == 1) {
      multiply_alone<Type>(rows.starts, blocks, ahead, scratch, out);
      return write_out(product, rows, first, 1, out);
    }
    lay_strip<Type>(rows.starts, blocks, ahead, scratch);
    for (Index c = 0; c < columns; c += columns_at_once) {
      const Index together = columns - c < columns_at_once ? columns - c : columns_at_once;
      multiply_columns<Type>(scratch, c, together, product.length, out);
      write_out(product, rows, first + c, together, out);
    }
  };
  share_out(product, threads, units, prepare, strip);
}

}  // namespace
}  // namespace dspy::llama::kernels
