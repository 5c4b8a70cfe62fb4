#pragma once

#include <filesystem>

namespace dspy::server {

/// Makes a file private to its owner before anything is written: creates it (0600) and missing folders (0700), or
/// removes other users' permissions from an existing file of ours and SQLite's companion files.  Failures are reported
/// when the file is opened.  Returns `path`.
const std::filesystem::path& private_file(const std::filesystem::path& path);

}  // namespace dspy::server
