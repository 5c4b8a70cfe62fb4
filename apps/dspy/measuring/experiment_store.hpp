#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

namespace dspy::app {

/// `list`, `show`, `start` and `stop` of `dspy experiment`: those of a workspace, which a server that runs on it obeys.
void add_experiment_store(CLI::App& command, Plan& plan);

}  // namespace dspy::app
