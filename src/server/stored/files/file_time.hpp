#pragma once

#include <filesystem>
#include <string>

namespace dspy::server {

/// When a file was changed last, as the API writes times; empty if it is gone.
std::string changed_at(const std::filesystem::path& path);

}  // namespace dspy::server
