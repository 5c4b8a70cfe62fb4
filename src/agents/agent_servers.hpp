#pragma once

#include "dspy/agents/agent_file.hpp"
#include "dspy/base/json.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace dspy::agent_file {

/// Makes the name of a program beside the file (`./convert`) absolute, as a bare name would be looked for on PATH.
/// Returns whether it was one.
bool place_beside(std::string& program, const std::filesystem::path& folder);

/// What the member `mcp` of an agent's file says; `written` may be null.  Throws `Error` (`config_error`).
std::vector<AgentServer> servers_of(const Json* written, const std::filesystem::path& folder, bool& is_relative);

}  // namespace dspy::agent_file
