#include "llama/kernels/attention.hpp"

#include "llama/kernels/attention_tiles.hpp"
#include "llama/kernels/target.hpp"

#include <algorithm>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace dspy::llama::kernels {
namespace {

template <class T>
void take(T*& part, int count, std::byte* start, std::size_t& used) {
  part = start ? reinterpret_cast<T*>(start + used) : nullptr;
  used += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
}

}  // namespace

bool can_attend() {
  return chosen_target() != nullptr;
}

bool can_attend(const Attention& a) {
  return a.tokens > 0 && a.cells > 0 && a.key_heads > 0 && a.heads % a.key_heads == 0 &&
         a.heads / a.key_heads <= block_rows && a.key_length % 16 == 0 && a.value_length % 16 == 0;
}

int tiles_of(const Attention& a) {
  return (a.cells + tile_cells - 1) / tile_cells;
}

int block_tokens(const Attention& a, int threads) {
  const int group = a.heads / a.key_heads;
  const int blocks_wanted = (threads + a.key_heads - 1) / a.key_heads;
  return std::min(block_rows / group, (a.tokens + blocks_wanted - 1) / blocks_wanted);
}

Scratch lay_out(const Attention& a, std::byte* start) {
  Scratch scratch;
  take(scratch.queries, a.key_length * block_rows, start, scratch.bytes);
  take(scratch.sums, a.value_length * block_rows, start, scratch.bytes);
  take(scratch.keys, tile_cells * a.key_length, start, scratch.bytes);
  take(scratch.values, tile_cells * a.value_length, start, scratch.bytes);
  take(scratch.scores, tile_cells * most_lanes * 2, start, scratch.bytes);
  take(scratch.maxima, block_rows, start, scratch.bytes);
  take(scratch.weights, block_rows, start, scratch.bytes);
  take(scratch.visible, tiles_of(a) * block_rows, start, scratch.bytes);
  return scratch;
}

std::size_t attention_scratch(const Attention& attention) {
  return lay_out(attention, nullptr).bytes;
}

void attend(const Attention& attention, std::byte* scratch, int* next, int threads) {
  chosen_target()->attend(attention, scratch, next, threads);
}

std::uint64_t visible_cells(const std::uint16_t* mask, int count) {
  std::uint64_t visible = 0;
  int cell = 0;
#ifdef __SSE2__
  const auto nothing = _mm_setzero_si128();
  for (; cell + 16 <= count; cell += 16) {
    const auto low = _mm_cmpeq_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + cell)), nothing);
    const auto high = _mm_cmpeq_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + cell + 8)), nothing);
    const auto bits = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
    visible |= static_cast<std::uint64_t>(bits) << cell;
  }
#endif
  for (; cell < count; ++cell) visible |= static_cast<std::uint64_t>(mask[cell] == 0) << cell;
  return visible;
}

}  // namespace dspy::llama::kernels
