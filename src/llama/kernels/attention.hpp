#pragma once

#include <cstddef>
#include <cstdint>

// Attention of the tokens of one step over the cells of a context.  Nothing in this folder knows of ggml or of dspy:
// the plug-in puts it into libllama's graphs, and tests call it with arrays of their own.

namespace dspy::llama::kernels {

/// How the numbers of a key or a value are stored.
enum class CellType : std::uint8_t { f32, f16, other };

/// One layer.  Strides are bytes.
struct Attention {
  const std::byte* queries = nullptr;  ///< f32: [tokens][heads][key_length].
  std::size_t query_token_stride = 0;
  std::size_t query_head_stride = 0;

  const std::byte* keys = nullptr;  ///< [cells][key_heads][key_length].
  std::size_t key_cell_stride = 0;
  std::size_t key_head_stride = 0;
  CellType key_type = CellType::f16;
  /// Reads `count` numbers of a type that is `other`.
  void (*read_keys)(const void* from, float* to, std::int64_t count) = nullptr;

  const std::byte* values = nullptr;  ///< [cells][key_heads][value_length].
  std::size_t value_cell_stride = 0;
  std::size_t value_head_stride = 0;
  CellType value_type = CellType::f16;
  void (*read_values)(const void* from, float* to, std::int64_t count) = nullptr;

  const std::byte* mask = nullptr;  ///< f16: [tokens][cells], 0 where a token sees a cell, minus infinity elsewhere.
  std::size_t mask_token_stride = 0;

  float* out = nullptr;  ///< [tokens][heads][value_length], without gaps.

  int tokens = 0;
  int heads = 0;
  int key_heads = 0;  ///< Divides `heads`: so many heads in a row share a key.
  int cells = 0;
  int key_length = 0;  ///< A multiple of 16, as `value_length`.
  int value_length = 0;
  float scale = 1;
};

/// Whether this processor has what `attend` needs: AVX2 with FMA and half floats, AVX-512, or NEON with dot products.
bool can_attend();

/// Whether `attend` can compute it: lengths and numbers of heads that its blocks take.
bool can_attend(const Attention& attention);

/// Bytes that one thread of `attend` needs.
std::size_t attention_scratch(const Attention& attention);

/// Does a part of the work, until none is left; `threads` threads do so at once, each with a scratch of its own that is
/// aligned to 64 bytes.  `next` is 0 before the first of them begins.
///
/// Softmax over tiles of cells with a running maximum (Milakov and Gimelshein 2018, as in FlashAttention by Dao et al.
/// 2022).  A tile is read once for all tokens that see it and all heads that share its keys, which is what replies over
/// one prompt gain from.  What a token gets depends only on the cells it sees and where they lie, not on its company.
void attend(const Attention& attention, std::byte* scratch, int* next, int threads);

}  // namespace dspy::llama::kernels
