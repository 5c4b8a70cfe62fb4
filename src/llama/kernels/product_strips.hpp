#pragma once

#include "llama/kernels/product.hpp"

#include <cstddef>
#include <cstdint>

// How `multiply` cuts its work.  No inline functions: this is included where the compiler may use instructions that
// not every processor has.

namespace dspy::llama::kernels {

constexpr int most_strip_rows = 16;  ///< Rows that lie in the lanes of a vector.

/// Columns whose inputs are at hand together: weights are read once for them.  As many as a core's own cache has room
/// for.
int pass_columns(const Product& product);

/// One thread's memory.
struct ProductScratch {
  std::int8_t* inputs = nullptr;       ///< [columns of a pass][length], span by span
  float* input_scales = nullptr;       ///< [columns of a pass][spans]
  std::int32_t* offsets = nullptr;     ///< [columns of a pass][spans]: what the middle adds to a sum, negated
  float* input_sums = nullptr;         ///< [columns of a pass][spans]: what a minimum counts for
  std::byte* strip = nullptr;          ///< [spans][words][strip rows]: four weights, or one as a float
  float* strip_scales = nullptr;       ///< [spans][strip rows]
  float* strip_minima = nullptr;       ///< [spans][strip rows]
  std::size_t* input_places = nullptr;  ///< [columns]: of an expert
  std::size_t* out_places = nullptr;
  std::size_t bytes = 0;
};

/// `columns`: of which an expert may get any number; 0 where there are none.
ProductScratch lay_out(const Product& product, std::byte* start, std::size_t expert_columns = 0);

/// The shares of one product after the other, which threads take from a counter they have in common.
struct Units {
  int* next = nullptr;
  std::ptrdiff_t taken = 0;
  std::ptrdiff_t begin = 0;  ///< Of the product that is computed.
};

}  // namespace dspy::llama::kernels
