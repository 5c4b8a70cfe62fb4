#pragma once

#include "llama/kernels/product.hpp"

#include <cstddef>
#include <cstdint>

// How `multiply` cuts its work.  No inline functions: this is included where the compiler may use instructions that
// not every processor has.

namespace dspy::llama::kernels {

constexpr int strip_rows = 16;  ///< Rows that lie in the lanes of a vector.

/// Columns whose inputs are at hand together: weights are read once for them.  As many as a core's own cache has room
/// for.
int pass_columns(const Product& product);

/// One thread's memory.
struct ProductScratch {
  std::int8_t* inputs = nullptr;    ///< [columns of a pass][length]
  float* input_scales = nullptr;    ///< [columns of a pass][blocks]
  std::int32_t* offsets = nullptr;  ///< [columns of a pass][blocks]: what weights without a sign add to a sum, negated
  std::uint8_t* strip = nullptr;    ///< [blocks][8][strip_rows][4], without a sign
  float* strip_scales = nullptr;    ///< [blocks][strip_rows]
  std::size_t bytes = 0;
};

ProductScratch lay_out(const Product& product, std::byte* start);

#ifdef __x86_64__
void multiply_vnni(const Product& product, std::byte* scratch, int* next, int threads);
#endif

}  // namespace dspy::llama::kernels
