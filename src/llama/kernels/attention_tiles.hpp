#pragma once

#include "llama/kernels/attention.hpp"

#include <cstddef>
#include <cstdint>

// How the kernels cut their work, the same for every kind of processor.  No inline functions: this is included where
// the compiler may use instructions that not every processor has, and the linker keeps one of several equal functions.

namespace dspy::llama::kernels {

constexpr int tile_cells = 64;   ///< Cells that are read together; one bit each in `visible`.
constexpr int most_lanes = 16;   ///< Of a kernel's vectors.
constexpr int block_rows = 128;  ///< Most rows (a token under one head) that pass over the cells together.

int tiles_of(const Attention& attention);

/// Tokens whose rows pass over the cells together: as many as fit, fewer where there would be no work for some thread.
int block_tokens(const Attention& attention, int threads);

/// One thread's memory.
struct Scratch {
  float* queries = nullptr;          ///< [key_length][block_rows], scaled
  float* sums = nullptr;             ///< [value_length][block_rows]: values, weighted
  float* keys = nullptr;             ///< [tile_cells][key_length]
  float* values = nullptr;           ///< [tile_cells][value_length]
  float* scores = nullptr;           ///< [tile_cells][rows computed at once]
  float* maxima = nullptr;           ///< [block_rows]
  float* weights = nullptr;          ///< [block_rows]: what the values' weights add up to
  std::uint64_t* visible = nullptr;  ///< [tiles][block_rows]: cells that a token sees
  std::size_t bytes = 0;
};

Scratch lay_out(const Attention& attention, std::byte* start);

/// Which of up to 64 cells a token sees.
std::uint64_t visible_cells(const std::uint16_t* mask, int count);

}  // namespace dspy::llama::kernels
