#pragma once

// IWYU pragma: begin_exports: what commands share
#include "flags/model_flags.hpp"
#include "flags/policy_flags.hpp"
#include "flags/program_flags.hpp"
#include "flags/signature_flags.hpp"
#include "inputs.hpp"
#include "job.hpp"
#include "printing.hpp"
#include "result_json.hpp"
// IWYU pragma: end_exports

#include "dspy/base/error.hpp"

#include <CLI/CLI.hpp>

#include <functional>

// The commands, by name.  Each is one file with one `add_…` function, which declares the flags and sets what runs once
// they are read.  Errors travel to `main` as `dspy::Error`; nothing else decides exit codes.

namespace dspy::app {

/// Exit codes, documented in docs/guide/command_line.md.
enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,  ///< A reply that cannot be read, a model that failed, a file that cannot be read.
  exit_usage = 2,   ///< Wrong flags, notation, names or values.
};

/// What the chosen command does; returns the exit code.
using Plan = std::function<int()>;

void add_ask(CLI::App& app, Plan& plan);
void add_run(CLI::App& app, Plan& plan);
void add_render(CLI::App& app, Plan& plan);
void add_parse(CLI::App& app, Plan& plan);
void add_inspect(CLI::App& app, Plan& plan);
void add_models(CLI::App& app, Plan& plan);
void add_doctor(CLI::App& app, Plan& plan);
void add_bench(CLI::App& app, Plan& plan);
void add_schema(CLI::App& app, Plan& plan);
void add_check(CLI::App& app, Plan& plan);
void add_codegen(CLI::App& app, Plan& plan);
void add_mock(CLI::App& app, Plan& plan);
void add_lm(CLI::App& app, Plan& plan);
void add_eval(CLI::App& app, Plan& plan);
void add_compare(CLI::App& app, Plan& plan);
void add_decide(CLI::App& app, Plan& plan);
void add_optimize(CLI::App& app, Plan& plan);
void add_cache(CLI::App& app, Plan& plan);
void add_trace(CLI::App& app, Plan& plan);
/// Subcommands of `lm` that read `dspy.toml` and the price table.
void add_lm_show(CLI::App& command, Plan& plan);
void add_mcp(CLI::App& app, Plan& plan);
void add_registry(CLI::App& app, Plan& plan);
void add_experiment(CLI::App& app, Plan& plan);

/// The exit code for an error that reached `main`.
int exit_code_of(const Error& error);

}  // namespace dspy::app
