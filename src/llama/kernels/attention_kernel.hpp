// The text of attention, see attention.hpp for what it computes and vectors.hpp for how it is compiled.
//
// Rows are lanes: a vector holds one number each of so many rows (a token under one of the heads that share a key), so
// that softmax needs no sums across a vector, and keys and values are broadcast as they lie in memory.
#pragma once

#include "llama/kernels/attention_tiles.hpp"
#include "llama/kernels/vectors.hpp"

namespace dspy::llama::kernels {
namespace {

static_assert(lanes <= most_lanes);

constexpr float no_score = -1e30F;  ///< Below all scores; unlike minus infinity it can be subtracted from itself.

template <class T>
[[gnu::always_inline]] inline T& at(float* place) {
  return *reinterpret_cast<T*>(place);
}

template <class T>
[[gnu::always_inline]] inline const T& at(const float* place) {
  return *reinterpret_cast<const T*>(place);
}

/// e to the power of `x` ≤ 0, to 1e-7 of it; 0 from -87 down; no number stays none.  Cephes' polynomial.
[[gnu::always_inline]] inline Floats exponential(Floats x) {
  const Floats rounding = Floats{} + 12582912.0F;  // adding it leaves the nearest integer in the low bits
  const Floats shifted = x * 1.44269504F + rounding;
  const Floats whole = shifted - rounding;
  const Floats rest = x - whole * 0.693359375F + whole * 2.12194440e-4F;
  Floats sum = Floats{} + 1.9875691500e-4F;
  sum = sum * rest + 1.3981999507e-3F;
  sum = sum * rest + 8.3334519073e-3F;
  sum = sum * rest + 4.1665795894e-2F;
  sum = sum * rest + 1.6666665459e-1F;
  sum = sum * rest + 5.0000001201e-1F;
  sum = sum * rest * rest + rest + 1.0F;
  const auto power = reinterpret_cast<Floats>((reinterpret_cast<Words>(shifted) << 23) + reinterpret_cast<Words>(sum));
  return x >= -87.0F ? power : x < -87.0F ? Floats{} : x;
}

[[gnu::always_inline]] inline Floats larger(Floats a, Floats b) {
  return a > b ? a : b;
}

/// out[i][row] (+)= Σ_k from[i·i_stride + k·k_stride] · rows[k][row], for `I` values of i and `V` vectors of rows. What
/// was in `out` is scaled by `keep` first; without it, it is overwritten.
template <int I, int V>
[[gnu::always_inline]] inline void multiply(const float* from, Index i_stride, Index k_stride, const float* rows,
                                            Index row_stride, Index count, float* out, Index out_stride,
                                            const Floats* keep) {
  Floats sums[I][V];
  for (Index i = 0; i < I; ++i)
    for (Index v = 0; v < V; ++v) sums[i][v] = keep ? at<Floats>(out + i * out_stride + v * lanes) * keep[v] : Floats{};
  for (Index k = 0; k < count; ++k, from += k_stride, rows += row_stride) {
#pragma GCC unroll 16
    for (Index i = 0; i < I; ++i) {
      const float factor = from[i * i_stride];
#pragma GCC unroll 2
      for (Index v = 0; v < V; ++v) sums[i][v] += factor * at<Floats>(rows + v * lanes);
    }
  }
  for (Index i = 0; i < I; ++i)
    for (Index v = 0; v < V; ++v) at<Floats>(out + i * out_stride + v * lanes) = sums[i][v];
}

[[gnu::always_inline]] inline void read_f16(const std::byte* from, float* to, Index count) {
#ifdef __AVX512BW__
  for (Index i = 0; i < count; i += 16)
    _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i * 2))));
#elif defined(__AVX2__)
  for (Index i = 0; i < count; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * 2))));
#else
  for (Index i = 0; i < count; i += 4)
    vst1q_f32(to + i, vcvt_f32_f16(vreinterpret_f16_u16(load<uint16x4_t>(from + i * 2))));
#endif
}

/// One head's part of `cells` cells.  Those of the next tile are fetched meanwhile: a head's parts lie too far apart
/// for processors to see where the next one begins.
[[gnu::always_inline]] inline void read_cells(const std::byte* from, std::size_t stride, Index cells, auto&& read) {
  const std::size_t ahead = stride * tile_cells;
  for (Index cell = 0; cell < cells; ++cell, from += stride) {
    __builtin_prefetch(from + ahead);
    read(from, cell);
  }
}

void read_tile(const std::byte* from, std::size_t stride, CellType type,
               void (*read)(const void* from, float* to, std::int64_t count), Index cells, Index length, float* to) {
  switch (type) {
    case CellType::f16:
      read_cells(from, stride, cells,
                 [&](const std::byte* part, Index cell) { read_f16(part, to + cell * length, length); });
      break;
    case CellType::f32:
      read_cells(from, stride, cells, [&](const std::byte* part, Index cell) {
        __builtin_memcpy(to + cell * length, part, static_cast<std::size_t>(length) * sizeof(float));
      });
      break;
    case CellType::other:
      read_cells(from, stride, cells,
                 [&](const std::byte* part, Index cell) { read(part, to + cell * length, length); });
      break;
  }
}

/// The rows of up to `block_rows / group` tokens under the heads of one key.
class Block {
 public:
  [[gnu::always_inline]] Block(const Attention& a, const Scratch& scratch, Index first, Index tokens, Index key_head)
      : a_(a),
        scratch_(scratch),
        first_(first),
        tokens_(tokens),
        key_head_(key_head),
        group_(a.heads / a.key_heads),
        vectors_((tokens * group_ + lanes - 1) / lanes) {}

  /// False where some of what came out is not a number.  `careful`, for a token alone: what it does not see counts for
  /// nothing, even if it is not a number.
  bool compute(bool careful = false) {
    careful_ = careful;
    begin();
    for (Index tile = 0; tile < tiles_of(a_); ++tile) {
      const auto* const visible = scratch_.visible + tile * block_rows;
      std::uint64_t any = 0;
      for (Index token = 0; token < tokens_; ++token) any |= visible[token];
      if (any) pass(tile, visible);
    }
    return finish();
  }

 private:
  Index token_of(Index row) const { return row / group_; }

  void begin() {
    const Index rows = tokens_ * group_;
    for (Index row = 0; row < vectors_ * lanes; ++row) {
      scratch_.maxima[row] = no_score;
      scratch_.weights[row] = 0;
    }
    for (Index row = 0; row < rows; ++row) {
      const auto* const query = reinterpret_cast<const float*>(
          a_.queries + static_cast<std::size_t>(first_ + token_of(row)) * a_.query_token_stride +
          static_cast<std::size_t>(key_head_ * group_ + row % group_) * a_.query_head_stride);
      for (Index d = 0; d < a_.key_length; ++d) scratch_.queries[d * block_rows + row] = query[d] * a_.scale;
    }
    for (Index d = 0; d < a_.key_length; ++d)
      for (Index row = rows; row < vectors_ * lanes; ++row) scratch_.queries[d * block_rows + row] = 0;
    for (Index i = 0; i < a_.value_length; ++i)
      for (Index v = 0; v < vectors_; ++v) at<Floats>(scratch_.sums + i * block_rows + v * lanes) = Floats{};
  }

  /// One tile of cells, for the rows that see some of them.
  void pass(Index tile, const std::uint64_t* visible) {
    const Index start = tile * tile_cells;
    const Index cells = a_.cells - start < tile_cells ? a_.cells - start : tile_cells;
    read_tile(a_.keys + static_cast<std::size_t>(start) * a_.key_cell_stride +
                  static_cast<std::size_t>(key_head_) * a_.key_head_stride,
              a_.key_cell_stride, a_.key_type, a_.read_keys, cells, a_.key_length, scratch_.keys);
    read_tile(a_.values + static_cast<std::size_t>(start) * a_.value_cell_stride +
                  static_cast<std::size_t>(key_head_) * a_.value_head_stride,
              a_.value_cell_stride, a_.value_type, a_.read_values, cells, a_.value_length, scratch_.values);
    for (Index cell = 0; careful_ && cell < cells; ++cell)
      for (Index i = 0; i < a_.value_length && (visible[0] >> cell & 1) == 0; ++i)
        scratch_.values[cell * a_.value_length + i] = 0;
    for (Index v = 0; v < vectors_;) {
      if (v + 1 < vectors_ && seen(visible, v) && seen(visible, v + 1)) {
        rows<2>(v, cells, visible);
        v += 2;
      } else {
        if (seen(visible, v)) rows<1>(v, cells, visible);
        ++v;
      }
    }
  }

  bool seen(const std::uint64_t* visible, Index vector) const {
    const Index last = token_of(vector * lanes + lanes - 1);
    for (Index token = token_of(vector * lanes); token <= last && token < tokens_; ++token)
      if (visible[token]) return true;
    return false;
  }

  /// `V` vectors of rows from vector `first` on.
  template <int V>
  void rows(Index first, Index cells, const std::uint64_t* visible) {
    constexpr Index at_once = 16 / V;  // so many sums as there are registers for
    const Index row = first * lanes;
    constexpr Index stride = V * lanes;
    for (Index cell = 0; cell < tile_cells; cell += at_once)
      multiply<at_once, V>(scratch_.keys + cell * a_.key_length, a_.key_length, 1, scratch_.queries + row, block_rows,
                           a_.key_length, scratch_.scores + cell * stride, stride, nullptr);
    Floats keep[V];
    for (Index v = 0; v < V; ++v)
      keep[v] = softmax(scratch_.scores + v * lanes, stride, row + v * lanes, cells, visible);
    for (Index i = 0; i < a_.value_length; i += at_once)
      multiply<at_once, V>(scratch_.values + i, 1, a_.value_length, scratch_.scores, stride, cells,
                           scratch_.sums + i * block_rows + row, block_rows, keep);
  }

  /// Turns scores into weights, relative to the largest score so far; what earlier weights are to be scaled by.
  [[gnu::always_inline]] Floats softmax(float* scores, Index stride, Index row, Index cells,
                                        const std::uint64_t* visible) {
    Words sees[2] = {};
    bool all = cells == tile_cells;
    for (Index lane = 0; lane < lanes; ++lane) {
      const Index token = token_of(row + lane);
      const std::uint64_t bits = token < tokens_ ? visible[token] : 0;
      sees[0][lane] = static_cast<std::uint32_t>(bits & 0xFFFF'FFFF);
      sees[1][lane] = static_cast<std::uint32_t>(bits >> 32);
      all = all && bits == ~std::uint64_t{0};
    }
    auto& maximum = at<Floats>(scratch_.maxima + row);
    Floats largest = maximum;
    for (Index cell = 0; cell < cells; ++cell) {
      auto& score = at<Floats>(scores + cell * stride);
      if (!all) score = (sees[cell / 32] & (1U << cell % 32)) != 0 ? score : Floats{} + no_score * 2;
      largest = larger(largest, score);
    }
    const Floats keep = exponential(maximum - largest);
    maximum = largest;
    Floats sum{};
    for (Index cell = 0; cell < cells; ++cell) {
      auto& score = at<Floats>(scores + cell * stride);
      score = exponential(score - largest);
      sum += score;
    }
    auto& weights = at<Floats>(scratch_.weights + row);
    weights = weights * keep + sum;
    return keep;
  }

  bool finish() {
    bool numbers = true;
    for (Index row = 0; row < tokens_ * group_; ++row) {
      float* const out =
          a_.out + ((first_ + token_of(row)) * a_.heads + key_head_ * group_ + row % group_) * a_.value_length;
      const float weights = scratch_.weights[row];
      const float factor = weights > 0 ? 1 / weights : 0;  // a token that sees nothing gets nothing
      for (Index i = 0; i < a_.value_length; ++i) {
        out[i] = scratch_.sums[i * block_rows + row] * factor;
        numbers = numbers && !__builtin_isnan(out[i]);
      }
    }
    return numbers;
  }

  const Attention& a_;
  const Scratch& scratch_;
  Index first_;
  Index tokens_;
  Index key_head_;
  Index group_;
  Index vectors_;
  bool careful_ = false;
};

void look(const Attention& a, const Scratch& scratch, Index first, Index tokens) {
  for (Index token = 0; token < tokens; ++token) {
    const auto* const mask =
        reinterpret_cast<const std::uint16_t*>(a.mask + static_cast<std::size_t>(first + token) * a.mask_token_stride);
    for (Index tile = 0; tile < tiles_of(a); ++tile) {
      const Index start = tile * tile_cells;
      const Index cells = a.cells - start < tile_cells ? a.cells - start : tile_cells;
      scratch.visible[tile * block_rows + token] = visible_cells(mask + start, static_cast<int>(cells));
    }
  }
}

void attend_here(const Attention& a, std::byte* start, int* next, int threads) {
  const auto scratch = lay_out(a, start);
  const Index most = block_tokens(a, threads);
  const Index blocks = (a.tokens + most - 1) / most;
  Index looked = -1;
  for (;;) {
    const Index unit = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
    if (unit >= blocks * a.key_heads) return;
    const Index block = unit / a.key_heads;
    const Index first = block * most;
    const Index tokens = a.tokens - first < most ? a.tokens - first : most;
    if (block != looked) look(a, scratch, first, tokens);
    looked = block;
    if (Block(a, scratch, first, tokens, unit % a.key_heads).compute()) continue;
    // Weights of 0 do not hide what is not a number; one request's must not reach the others.
    for (Index token = 0; token < tokens; ++token) {
      auto alone = scratch;
      alone.visible += token;
      Block(a, alone, first + token, 1, unit % a.key_heads).compute(/*careful=*/true);
    }
  }
}

}  // namespace
}  // namespace dspy::llama::kernels
