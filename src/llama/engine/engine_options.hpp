#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/llama/model_info.hpp"

namespace dspy::llama {

/// The options that an engine of `model` runs with: those wanted, limited to what model, memory and machine allow.
/// Throws as `validate` does, and `Error` (`invalid_parameter`) for a model that cannot write.
EngineOptions in_force(EngineOptions wanted, const Model& model);

/// The part of it that says how large the context is.  Throws `Error` (`invalid_parameter`).
EngineOptions sized(EngineOptions wanted, const ModelInfo& model);

/// Bytes of one number that a context keeps.
double kv_bytes_of(KvType type) noexcept;

}  // namespace dspy::llama
