#pragma once

#include "dspy/agents/agent_event.hpp"
#include "dspy/base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

// What a journal holds, for people and for other tools.

namespace dspy {

/// A transcript that explains every step: thoughts, calls with their arguments, who allowed them, results, how long
/// each took, and what it all cost.
std::string transcript(const std::vector<AgentEvent>& events);

/// The run in the Agent Trajectory Interchange Format (ATIF v1.7, Harbor RFC 0001).  `model` is empty if it is not
/// known.
JsonObject to_atif(const std::vector<AgentEvent>& events, std::string_view model = {});

}  // namespace dspy
