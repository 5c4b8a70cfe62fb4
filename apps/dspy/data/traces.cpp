#include "data/data_commands.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/traces/trace_import.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <filesystem>
#include <format>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

namespace dspy::app {
namespace {

struct TracesFlags {
  std::string file;
  std::string store;
  server::TraceOrigin origin;
};

int import(const TracesFlags& flags) {
  std::ifstream file;
  if (flags.file != "-") {
    file.open(flags.file, std::ios::binary);
    if (!file) throw Error(Errc::io_error, std::format("the trace `{}` cannot be read; check the path", flags.file));
  }
  server::TraceStore store(flags.store);
  const auto imported = server::import_traces(store, flags.file == "-" ? standard_input() : file, flags.origin);
  if (imported.traces == 0 && imported.bad_lines != 0)
    throw Error(Errc::bad_input,
                std::format("the trace file `{}` cannot be read: {}", flags.file, imported.first_problem));
  print_line(std::format("{} traces with {} spans", imported.traces, imported.spans));
  if (imported.bad_lines != 0)
    std::cerr << std::format("dspy: {} lines were skipped: {}\n", imported.bad_lines, imported.first_problem);
  return exit_ok;
}

}  // namespace

void add_traces(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<TracesFlags>();
  flags->store = (server::default_workspace() / "traces.sqlite").string();
  auto* command = app.add_subcommand("traces", "Import traces of programs into the server's trace store");
  command->require_subcommand(1);
  auto* imports = command->add_subcommand("import", "Import a file of JsonlTrace; existing traces are kept");
  imports->add_option("file", flags->file, "`-` is standard input")->required();
  imports->add_option("--store", flags->store, "The trace store")->envname("DSPY_TRACES")->capture_default_str();
  imports->add_option("--program", flags->origin.program, "The program the traces belong to");
  imports->add_option("--program-version", flags->origin.version, "And in which version");
  imports->add_option("--tenant", flags->origin.tenant, "The tenant; omit it for the server's operator");
  imports->callback([flags, &plan] { plan = [flags] { return import(*flags); }; });
  command->footer("Example:\n  dspy traces import run.jsonl --program triage\n  dspy list traces -q refund");
}

}  // namespace dspy::app
