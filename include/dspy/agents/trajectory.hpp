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

/// The run as OpenTelemetry has it, for any collector's `/v1/traces`: a span `invoke_agent NAME`, in it `chat MODEL`
/// for each request and `execute_tool NAME` for each call (GenAI semantic conventions, OTLP in JSON).  The same journal
/// gives the same ids.  `has_content` adds inputs, thoughts, arguments and results.
JsonObject to_otlp(const std::vector<AgentEvent>& events, std::string_view model = {}, bool has_content = false);

}  // namespace dspy
