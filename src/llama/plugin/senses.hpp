#pragma once

#include "llama/model/runtime.hpp"

#include <llama.h>

#include <memory>

namespace dspy::llama::plugin {

/// The part of `model` that reads pictures or sounds, through libmtmd where that was found when the plug-in was built.
std::unique_ptr<RuntimeSenses> load_senses(llama_model* model, const RuntimeSensesOptions& options);

/// Where libmtmd's log lines go.
void log_senses(ggml_log_callback to);

}  // namespace dspy::llama::plugin
