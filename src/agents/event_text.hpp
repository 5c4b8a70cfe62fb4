#pragma once

#include "dspy/agents/agent_event.hpp"

#include <string>

namespace dspy {

/// Appends the members of `to_json(event)` as its text has them, between the braces: a journal writes a line for all
/// that happens, and never needs the JSON itself.
void append_members(std::string& out, const AgentEvent& event);

}  // namespace dspy
