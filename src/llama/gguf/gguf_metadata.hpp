#pragma once

#include "llama/gguf/gguf.hpp"
#include "llama/gguf/gguf_reader.hpp"

#include <cstdint>

namespace dspy::llama {

/// The `count` keys and values of a header.  Throws `GgufProblem`.
void read_gguf_metadata(GgufReader& reader, std::uint64_t count, Gguf& gguf);

}  // namespace dspy::llama
