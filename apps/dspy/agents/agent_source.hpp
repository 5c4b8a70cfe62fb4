#pragma once

#include "dspy/agents/agent_file.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/programs/program_file.hpp"

#include <optional>
#include <string>

namespace dspy::app {

/// An agent, and the program that it has become where it was optimized.
struct AgentSource {
  AgentFile file = {};
  std::optional<ProgramFile> program = {};

  ReActAgent agent(PredictorOptions predictor) const;
};

/// An agent's file, a program file of an agent, or `registry:NAME@ALIAS`.  Throws `Error` (`config_error`),
/// (`io_error`),
/// (`bad_input`) for what the registry does not have.
AgentSource read_agent_source(const std::string& where);

/// Whether the file is an agent's, by its member `format`.
bool is_agent_file(const std::string& path);

}  // namespace dspy::app
