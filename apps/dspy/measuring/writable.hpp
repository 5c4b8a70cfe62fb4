#pragma once

#include <filesystem>

namespace dspy::app {

/// Throws `Error` (`io_error`) if no file can be written there: told before anything is paid for, not after.
void require_writable(const std::filesystem::path& path);

}  // namespace dspy::app
