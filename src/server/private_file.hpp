#pragma once

#include <filesystem>

namespace dspy::server {

/// Sees to it that a file is its owner's alone, before something is written into it: makes it (0600) and the folders
/// that are missing (0700), or takes the others' rights away from a file of ours that is there, and from those that
/// SQLite puts beside it.  What cannot be done is told by whoever opens the file.  Returns `path`.
const std::filesystem::path& private_file(const std::filesystem::path& path);

}  // namespace dspy::server
