#pragma once

#include "dspy/storage/database.hpp"

#include <filesystem>

namespace dspy::server {

/// Opens or makes the file of a trace store (docs/formats/traces.md), and checks it through where it is small.
storage::Database open_traces(const std::filesystem::path& path);

/// One more connection to a file that `open_traces` has opened.
storage::Database open_traces_again(const std::filesystem::path& path);

}  // namespace dspy::server
