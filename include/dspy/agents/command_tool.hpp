#pragma once

#include "dspy/agents/tool.hpp"
#include "dspy/lm/tool.hpp"

#include <string>
#include <vector>

namespace dspy {

/// A program as a tool: it is started for each call, without a shell, reads the arguments as JSON from its input, and
/// writes the result to its output, as JSON or text.  Another exit code than 0 is an error, with what it wrote to its
/// standard error.  It runs with the rights and the environment of this process, so commands come from those whom one
/// trusts, never from a model.  A call that is over time is killed, with all that it started in its process group.
FunctionTool command_tool(ToolDefinition definition, std::vector<std::string> command, ToolOptions options = {});

}  // namespace dspy
