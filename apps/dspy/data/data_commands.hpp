#pragma once

#include "command.hpp"

#include <CLI/CLI.hpp>

namespace dspy::app {

/// Keys to the server.
void add_keys(CLI::App& app, Plan& plan);
/// What is stored: `dspy list`, `dspy runs`, `dspy traces`.
void add_list(CLI::App& app, Plan& plan);
void add_runs(CLI::App& app, Plan& plan);
void add_traces(CLI::App& app, Plan& plan);

}  // namespace dspy::app
