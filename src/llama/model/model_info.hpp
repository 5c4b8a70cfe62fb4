#pragma once

#include "dspy/llama/model_info.hpp"
#include "llama/gguf/gguf.hpp"

namespace dspy::llama {

/// What a header that was read already says about the model.
ModelInfo describe(const Gguf& gguf, const std::filesystem::path& file);

}  // namespace dspy::llama
