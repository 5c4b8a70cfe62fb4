#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

// Commands for who runs programs in production.

namespace dspy::app {

/// A subcommand of `lm` that writes `dspy.toml`.
void add_lm_add(CLI::App& command, Plan& plan);
void add_metrics(CLI::App& app, Plan& plan);

}  // namespace dspy::app
