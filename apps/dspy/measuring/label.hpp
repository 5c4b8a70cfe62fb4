#pragma once

#include "command.hpp"

namespace dspy::app {

void add_label(CLI::App& app, Plan& plan);

}  // namespace dspy::app
