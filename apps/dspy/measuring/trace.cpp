#include "command.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/evaluate/trace_examples.hpp"
#include "measuring/trace_report.hpp"

#include <format>
#include <fstream>
#include <optional>

namespace dspy::app {
namespace {

struct TraceFlags {
  std::string path;
  std::string predictor;
  std::string out;
  bool content = false;
  bool failed = false;
};

int run_trace(const TraceFlags& flags) {
  std::ifstream file;
  if (flags.path != "-") {
    file.open(flags.path, std::ios::binary);
    if (!file) throw Error(Errc::io_error, std::format("the trace `{}` cannot be read; check the path", flags.path));
  }
  TraceReport report({.content = flags.content, .only_failed = flags.failed});
  auto& in = flags.path == "-" ? standard_input() : file;
  std::size_t number = 0;
  std::optional<Error> bad;
  std::size_t bad_lines = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    const auto added = attempt([&] { report.add(line, number); });
    if (added) continue;
    ++bad_lines;
    if (!bad) bad = added.error();
  }
  // A killed process can leave a truncated last line. A file with no complete line is not a trace.
  if (bad && report.is_empty()) throw Error(*bad);
  print_line(report.text());
  if (bad)
    print_line(
        std::format("{} left out: {}", bad_lines == 1 ? "1 line" : std::format("{} lines", bad_lines), bad->what()));
  return exit_ok;
}

int write_examples(const TraceFlags& flags) {
  const auto examples = examples_from_trace(flags.path, flags.predictor);
  write_dataset(flags.out, examples);
  print_line(std::format("{} examples in `{}`", examples.size(), flags.out));
  return exit_ok;
}

}  // namespace

void add_trace(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<TraceFlags>();
  auto* command = app.add_subcommand("trace", "Explain what a program did, from a trace file");
  command->require_subcommand(1);
  auto* show = command->add_subcommand("show", "Each call: its requests, times, usage, cost and errors");
  show->add_option("FILE", flags->path, "A file of JsonlTrace; `-` is standard input")->required();
  show->add_flag("--content", flags->content, "Also show the requests and replies");
  show->add_flag("--failed", flags->failed, "Only calls that failed");
  show->callback([flags, &plan] { plan = [flags] { return run_trace(*flags); }; });
  auto* examples = command->add_subcommand("examples", "Write what was asked and answered as a dataset");
  examples->add_option("FILE", flags->path, "A file of JsonlTrace")->required();
  examples->add_option("--out", flags->out, "The dataset (.jsonl), to correct by hand or by `dspy label`")->required();
  examples->add_option("--predictor", flags->predictor, "Whose calls [the runs of the program]");
  examples->callback([flags, &plan] { plan = [flags] { return write_examples(*flags); }; });
  command->footer(
      "Examples:\n  dspy trace show run.jsonl --failed\n  dspy trace examples run.jsonl --out examples.jsonl");
}

}  // namespace dspy::app
