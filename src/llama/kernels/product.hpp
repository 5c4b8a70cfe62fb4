#pragma once

#include <cstddef>
#include <cstdint>

// Products of a matrix of weights with the inputs of all tokens of a step.

namespace dspy::llama::kernels {

/// ggml's formats of blocks of 32 weights that share a scale, a half float, and have no other offset than the middle of
/// their range.
enum class WeightType : std::uint8_t { q8_0, q5_0, q4_0 };

inline constexpr int weight_block = 32;

/// Bytes of a block.
std::size_t block_bytes(WeightType type);

/// out[column][row] = Σ_k weights[row][k] · inputs[column][k].  Strides are bytes.
struct Product {
  WeightType type = WeightType::q8_0;
  const std::byte* weights = nullptr;  ///< [rows][length].
  std::size_t weight_row_stride = 0;
  const std::byte* inputs = nullptr;  ///< f32: [columns][length].
  std::size_t input_column_stride = 0;
  std::byte* out = nullptr;  ///< f32: [columns][rows].
  std::size_t out_column_stride = 0;
  int rows = 0;
  int columns = 0;
  int length = 0;  ///< A multiple of `weight_block`.
};

/// Whether this processor has what `multiply` needs: AVX-512 with VNNI.
bool can_multiply();

/// Bytes that one thread of `multiply` needs.
std::size_t product_scratch(const Product& product);

/// Does a part of the work, until none is left; `threads` threads do so at once, each with a scratch of its own that is
/// aligned to 64 bytes.  `next` is 0 before the first of them begins.
///
/// Inputs are rounded to Q8_0 as ggml does, so that the sums of each block are the same whole numbers.  Sixteen rows
/// are laid out anew, four bytes of each in turn, and serve all columns: ggml reads the rows of Q8_0 again for each
/// column. What comes out for a column does not depend on the others.
void multiply(const Product& product, std::byte* scratch, int* next, int threads);

}  // namespace dspy::llama::kernels
