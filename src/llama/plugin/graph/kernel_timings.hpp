#pragma once

#include <filesystem>

namespace dspy::llama::plugin {

/// The file that keeps, for all programs of this user, what kernels took on this machine: `kernels.tsv` in the folder
/// `dspy` of XDG_CACHE_HOME or of `~/.cache`.  Makes the folder; empty where there can be none.
std::filesystem::path kernel_timings();

}  // namespace dspy::llama::plugin
