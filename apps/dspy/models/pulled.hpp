#pragma once

#include "command.hpp"

#include <vector>

namespace dspy::app {

/// `models pull`, `update`, `rm`, `show`, `catalogue`.  Each sets the plan itself.
std::vector<CLI::App*> add_pulled(CLI::App& models, Plan& plan);

}  // namespace dspy::app
