#pragma once

namespace dspy::llama::plugin {

// The OpenMP runtime that the inference library computes with, if it does.  The plug-in does not link it.

/// Whether the calling thread is one of a team that computes.  An exception must not leave such a region.
bool is_in_parallel_region();

/// Ends the threads that stand by for the calling thread.  The runtime counts them as busy: with more of them than
/// there are processors, every waiting thread sleeps at once instead of spinning, also those of other engines.
void end_team();

}  // namespace dspy::llama::plugin
