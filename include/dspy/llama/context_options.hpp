#pragma once

namespace dspy::llama {

/// The number format in which a context keeps keys and values of computed tokens.
enum class KvType {
  f16,   ///< What models are trained for.
  q8_0,  ///< About half the memory, nearly the same replies; slower on a processor.
  q4_0,  ///< About a quarter; replies change.
  f32,
};

/// Attention computed in one pass, without a matrix of scores in memory.
enum class FlashAttention {
  automatic,  ///< Where the device has it.
  on,
  off,
};

/// Whose code computes attention and products with weights on a processor.
enum class Kernels {
  automatic,  ///< dspy's, wherever they support the operation and the processor; otherwise the library's.
  library,    ///< The library's.
};

/// How a text's tokens become one vector.
enum class Pooling {
  model,  ///< As the model's file says.
  mean,   ///< The mean of all tokens.
  cls,    ///< The first token's.
  last,   ///< The last token's.
  rank,   ///< A score, by the model's classification head.
};

}  // namespace dspy::llama
