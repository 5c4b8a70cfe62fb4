#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// Products of a matrix of weights with the inputs of all tokens of a step.

namespace dspy::llama::kernels {

/// Formats of weights, by ggml's names.
enum class WeightType : std::uint8_t {
  q8_0,
  q5_0,
  q5_1,
  q4_0,
  q4_1,
  iq4_nl,
  mxfp4,
  q4_k,
  q5_k,
  q6_k,
  iq4_xs,
  f16,
  bf16,
};
inline constexpr int weight_types = 13;

/// Such as `q4_k`.
std::string_view name_of(WeightType type);

/// Weights and bytes of a block, which rows are whole numbers of.
struct BlockSize {
  int weights = 0;
  std::size_t bytes = 0;
};
BlockSize block_size(WeightType type);

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
  int length = 0;  ///< Whole blocks.
  /// Where columns begin, in bytes from `inputs` and `out`; none where strides say it.
  const std::size_t* input_places = nullptr;
  const std::size_t* out_places = nullptr;
};

/// A mixture of experts: `slots` products for every token, each with the weights of an expert that the token chose.
struct ExpertProduct {
  Product product{};  ///< Of the first expert and the first slot; its columns are the tokens.
  std::size_t expert_stride = 0;
  int experts = 0;
  int slots = 0;
  const std::byte* chosen = nullptr;  ///< int32: [tokens][slots].
  std::size_t chosen_token_stride = 0;
  std::size_t input_slot_stride = 0;  ///< 0 where all slots of a token have the same inputs.
  std::size_t out_slot_stride = 0;
};

/// Whether this processor has what `multiply` needs for weights of a type.
bool can_multiply();

/// Whether `multiply` can compute it: rows of whole blocks.
bool can_multiply(const Product& product);

/// Bytes that one thread of `multiply` needs.
std::size_t product_scratch(const Product& product);
std::size_t product_scratch(const ExpertProduct& product);

/// Does a part of the work, until none is left; `threads` threads do so at once, each with a scratch of its own that is
/// aligned to 64 bytes.  `next` is 0 before the first of them begins.
///
/// Inputs are rounded to eight bits with a scale for each 32 (16 for q6_k) of them, which is at least as fine as what
/// ggml does; weights of 16 bits are multiplied as floats.  As many rows as a vector has lanes are laid out anew, four
/// bytes of each in turn, and serve all columns: ggml reads rows again for each column or few. What comes out for a
/// column does not depend on the others, to the bit.
void multiply(const Product& product, std::byte* scratch, int* next, int threads);

/// The same for experts: each one's weights are read once for all tokens that chose it.
void multiply(const ExpertProduct& product, std::byte* scratch, int* next, int threads);

}  // namespace dspy::llama::kernels
