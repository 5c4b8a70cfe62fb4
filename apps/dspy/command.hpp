#pragma once

#include "dspy/base/error.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// The command line's common parts.  Each command is one file with one `add_…` function: it
// declares the flags and sets what runs once they are read.  Errors travel to `main` as
// `dspy::Error`; nothing else decides exit codes.

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
void add_registry(CLI::App& app, Plan& plan);
void add_experiment(CLI::App& app, Plan& plan);

/// The exit code for an error that reached `main`.
int exit_code_of(const Error& error);

// --- What several commands share ----------------------------------------------------------

/// Flags that choose and steer a model.
struct ModelFlags {
  std::string model;
  Sampling sampling;

  void add_to(CLI::App& command);
  /// The LM: `--model`, else `$DSPY_MODEL`, else the embedded model.
  std::shared_ptr<LM> make() const;
};

/// Flags that say what is asked.
struct SignatureFlags {
  std::string notation = "question -> answer";
  std::string instructions;
  std::string adapter = "field";
  bool chain_of_thought = false;

  void add_to(CLI::App& command);
  Signature make() const;
};

/// Flags that say what happens about a reply that cannot be read: the members of `CallPolicy`.
struct PolicyFlags {
  int rewrite = CallPolicy().rewrite;
  int ask_again = CallPolicy().ask_again;
  std::string fallback;  ///< An adapter's name; empty where none may be tried.
  std::string finally = "fail";

  void add_to(CLI::App& command);
  CallPolicy make() const;
};

/// `llama:PATH` for a bare path or name; a URI, and the name of a provider's model, as they are.
std::string model_uri(const std::string& model);
/// The LM that dspy.toml calls so, else the one of `model_uri`; without a name, dspy.toml's default, else the embedded
/// model.
std::shared_ptr<LM> make_lm(std::string name);
/// The embedded model's file, wherever this program was installed or built; empty if it is not there.
std::string embedded_model();

/// Flags that say which predictor of a program file is meant.
struct ProgramFlags {
  std::string path;
  std::string signature;
  std::string predictor;
  bool accept_changed = false;

  /// The options without `FILE`, which each command declares itself.
  void add_to(CLI::App& command);
  ProgramFile load() const;
  /// What a predictor had that is in no file, for people: "the validator `is_even` of `number`"; empty if nothing.
  static std::string functions_of(const SavedPredictor& saved);
  /// The predictor that is asked for, or the only one.
  const SavedPredictor& choose(const ProgramFile& file) const;
  Predictor make(const SavedPredictor& saved, PredictorOptions options) const;
};

/// Text from an argument or a table's cell as a value of the field's type.  Throws `Error` (`bad_input`).
Json typed_value(const Field& field, const std::string& text);

/// Input values from `name=value` and `{"name": value}` arguments, each of its field's type.
JsonObject read_inputs(const Signature& signature, const std::vector<std::string>& arguments);

/// What one JSONL line asks for: `signature`, `instructions`, `adapter`, `module`, `demos`, `history`, `inputs`.
struct Job {
  Signature signature;
  std::shared_ptr<const Adapter> adapter;
  std::vector<Example> demos;
  History history;
  JsonObject inputs;
  std::string completion;
};

/// Reads a job.  Throws `Error` that names the member at fault.
Job read_job(const JsonObject& line);

/// Demonstrations from a JSONL file.
std::vector<Example> read_examples(const std::string& path, const Signature& signature);

/// `std::cin`.  Throws `Error` (`io_error`) if it is closed, or a folder.
std::istream& standard_input();
/// All of it, without a byte order mark.  Throws `Error` (`io_error`).
std::string read_all(std::istream& in);

JsonArray to_json(const std::vector<Flag>& flags);
JsonObject to_json(const Chat& messages);
JsonObject to_json(const Prediction& prediction);
JsonObject error_object(const Error& error);

/// With pictures for control characters where standard output is a terminal, which would obey them.
std::string for_terminal(std::string_view text);
void print_line(std::string_view text);
void print_json(const JsonObject& object);
/// A value as people read it: text as it is, anything else as JSON.
std::string shown(const Json& value);
/// The outputs as people read them: `Label: value` a line, or the value alone if there is one
/// output and it is to stand `bare`.  What was accepted although it broke a rule is told on
/// standard error.
void print_outputs(const Signature& signature, const Prediction& prediction, bool bare);
/// On standard error.
void tell_what_was_not_held(const std::vector<std::string>& unenforced);
void tell_what_was_accepted(const Prediction& prediction);

}  // namespace dspy::app
