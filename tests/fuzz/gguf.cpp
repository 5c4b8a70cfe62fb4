// Any bytes are read as the header of a GGUF file, or refused with a reason; no tensor of one lies outside the file.

#include "llama/gguf/gguf.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <spanstream>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::ispanstream in(std::span(reinterpret_cast<const char*>(data), size));
  const auto gguf = dspy::llama::read_gguf(in, size);
  if (!gguf) {
    if (gguf.error().empty()) std::abort();
    return 0;
  }
  if (gguf->data_offset > size + 64) std::abort();
  for (const auto& tensor : gguf->tensors) {
    if (tensor.bytes != 0 && (tensor.bytes > size || gguf->data_offset + tensor.offset > size - tensor.bytes))
      std::abort();
  }
  return 0;
}
