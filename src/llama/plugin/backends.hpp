#pragma once

namespace dspy::llama::plugin {

/// Throws `Error` (`config_error`) if the environment variable DSPY_CPU names no kind of processor that this one is.
void check_wanted_processor();

/// All of the library's backends, the best for this processor; or, for the processor, the one that DSPY_CPU names (see
/// kernels/target.hpp), so that kernels can be compared on processors that this one contains.
void load_backends();

}  // namespace dspy::llama::plugin
