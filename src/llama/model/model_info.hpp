#pragma once

#include "dspy/llama/model_info.hpp"
#include "llama/gguf/gguf.hpp"

namespace dspy::llama {

/// The facts about a model, from its header.
ModelInfo describe(const Gguf& gguf, const std::filesystem::path& file);

}  // namespace dspy::llama
