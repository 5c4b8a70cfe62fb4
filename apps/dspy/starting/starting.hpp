#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

// Commands that begin a project, or a file of one.

namespace dspy::app {

void add_new(CLI::App& app, Plan& plan);
void add_generate(CLI::App& app, Plan& plan);

}  // namespace dspy::app
