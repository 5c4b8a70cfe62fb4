#pragma once

#include "dspy/base/json.hpp"

#include <filesystem>

namespace dspy::server {

/// Records in an agent's journal that the pending calls (`{"call", "tool", "arguments"}`) are not made, because their
/// job was cancelled.  If the journal cannot be written, this is logged, and the job is cancelled anyway.
void deny_waiting(const std::filesystem::path& journal, const JsonArray& waiting);

}  // namespace dspy::server
