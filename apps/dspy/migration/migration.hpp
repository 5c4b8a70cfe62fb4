#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

// Coming from Python DSPy.

namespace dspy::app {

void add_migrate(CLI::App& app, Plan& plan);

}  // namespace dspy::app
