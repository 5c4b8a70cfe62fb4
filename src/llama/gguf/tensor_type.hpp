#pragma once

#include <cstdint>
#include <string_view>

namespace dspy::llama {

/// A number format of ggml: `block` elements take `bytes` bytes.
struct TensorType {
  std::uint32_t id = 0;
  std::string_view name;
  std::uint32_t block = 1;
  std::uint32_t bytes = 0;
};

/// Nothing for a type that is newer than this table.
const TensorType* tensor_type(std::uint32_t id) noexcept;

}  // namespace dspy::llama
