#pragma once

namespace dspy::llama::plugin {

// The OpenMP runtime that the inference library computes with, if it does.  The plug-in does not link it.

/// Whether the calling thread is one of a team that computes.  An exception must not leave such a region.
bool is_in_parallel_region();

}  // namespace dspy::llama::plugin
