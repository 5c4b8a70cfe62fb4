#pragma once

#include "dspy/storage/database.hpp"

#include <filesystem>

namespace dspy::server {

/// Opens or makes the file of a trace store (docs/formats/traces.md).
storage::Database open_traces(const std::filesystem::path& path);

}  // namespace dspy::server
