#pragma once

#include "dspy/agents/agent_file.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"

#include <optional>

// Agents as programs, so that they can have versions, lineage and aliases in the registry, and be optimized, like
// programs.  A program file of an agent holds the agent's own file in its member `agent`; it is trusted just like that
// file.

namespace dspy {

/// The agent as a program file, with the predictors that it begins with.
ProgramFile program_of(const AgentFile& agent);

/// The agent's own file in a program file; nothing where it is another program.  Throws `Error` (`config_error`) for
/// one that cannot be read.
std::optional<AgentFile> agent_in(const ProgramFile& program);

/// The agent of a program file, with the instructions and demonstrations that it has there.  `file` is what `agent_in`
/// gave, or the same with other tools of the same names.  Throws `Error` (`config_error`) where they do not fit.
ReActAgent agent_of(const AgentFile& file, const ProgramFile& program, PredictorOptions predictor = {});

}  // namespace dspy
