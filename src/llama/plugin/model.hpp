#pragma once

#include "llama/model/runtime.hpp"

#include <memory>

struct llama_model;

namespace dspy::llama::plugin {

std::unique_ptr<RuntimeModel> load(const RuntimeLoadOptions& options);

/// `model` must outlive the context.
std::unique_ptr<RuntimeContext> make_context(llama_model* model, const RuntimeContextOptions& options, Kernels kernels);

}  // namespace dspy::llama::plugin
