#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

// Commands that serve programs to others.

namespace dspy::app {

void add_serve(CLI::App& app, Plan& plan);
void add_ui(CLI::App& app, Plan& plan);

}  // namespace dspy::app
