#pragma once

#include "llama/model/runtime.hpp"

#include <llama.h>

namespace dspy::llama::plugin {

/// What libllama is told of a context, without the kernels that are put into its graphs.
llama_context_params parameters_of(const RuntimeContextOptions& options);

}  // namespace dspy::llama::plugin
