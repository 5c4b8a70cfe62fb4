#pragma once

#include "command.hpp"

namespace dspy::app {

void add_index(CLI::App& app, Plan& plan);

}  // namespace dspy::app
