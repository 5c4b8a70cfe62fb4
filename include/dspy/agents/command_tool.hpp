#pragma once

#include "dspy/agents/tool.hpp"
#include "dspy/lm/tool.hpp"

#include <string>
#include <vector>

namespace dspy {

/// A program as a tool: it is started for each call, without a shell, reads the arguments as JSON from its input, and
/// writes the result to its output, as JSON or text.  A non-zero exit code is an error, with the text from standard
/// error.  It runs with the permissions and the environment of this process, so commands must come from trusted
/// sources, never from a model.  A call that exceeds its time is killed, with everything in its process group.
FunctionTool command_tool(ToolDefinition definition, std::vector<std::string> command, ToolOptions options = {});

}  // namespace dspy
