#include "command.hpp"
#include "trace_report.hpp"

#include <format>
#include <fstream>

namespace dspy::app {
namespace {

struct TraceFlags {
  std::string path;
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
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.empty()) report.add(line, number);
  }
  print_line(report.text());
  return exit_ok;
}

}  // namespace

void add_trace(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<TraceFlags>();
  auto* command = app.add_subcommand("trace", "Explain what a program did, from a trace file");
  command->require_subcommand(1);
  auto* show = command->add_subcommand("show", "Each call: its requests, times, usage, cost and errors");
  show->add_option("FILE", flags->path, "A file of JsonlTrace; `-` is standard input")->required();
  show->add_flag("--content", flags->content, "What was asked and answered, too");
  show->add_flag("--failed", flags->failed, "Only calls that failed");
  show->callback([flags, &plan] { plan = [flags] { return run_trace(*flags); }; });
  command->footer("Example:\n  dspy trace show run.jsonl --failed");
}

}  // namespace dspy::app
