#pragma once

#include "dspy/base/json.hpp"

#include <filesystem>

namespace dspy::server {

/// Writes into an agent's journal that the calls which wait (`{"call", "tool", "arguments"}`) are not made, as their
/// job was cancelled.  A journal that cannot be written is told to the log: the job is cancelled all the same.
void deny_waiting(const std::filesystem::path& journal, const JsonArray& waiting);

}  // namespace dspy::server
