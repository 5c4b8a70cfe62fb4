#pragma once

#include "command.hpp"

namespace dspy::app {

void add_agent(CLI::App& app, Plan& plan);
void add_tools(CLI::App& app, Plan& plan);

}  // namespace dspy::app
