#pragma once

#include "dspy/llama/engine.hpp"

namespace dspy::llama {

/// What an engine of `model` runs with: the wishes within what the model, the memory and the machine allow.  Throws as
/// `validate` does, and `Error` (`invalid_parameter`) for a model that cannot write.
EngineOptions in_force(EngineOptions wanted, const Model& model);

}  // namespace dspy::llama
