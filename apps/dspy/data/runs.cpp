#include "dspy/server/resources/runs.hpp"

#include "data/data_commands.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/report.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <cstdint>
#include <format>
#include <memory>
#include <string>

namespace dspy::app {
namespace {

struct RunFlags {
  std::string file;
  std::string folder;
  std::string tenant;
  std::string id;
  server::RunInfo info;
};

int add(const RunFlags& flags) {
  const auto json = parse_json(read_text(flags.file, std::uintmax_t{1} << 30));
  if (!json || !json->is_object())
    throw Error(Errc::bad_input,
                std::format("`{}` does not contain results of `dspy eval --output FILE.json`", flags.file));
  print_line(server::keep_run(server::Workspace(flags.folder), flags.tenant, flags.id,
                              evaluation_from_json(json->get_object()), flags.info));
  return exit_ok;
}

}  // namespace

void add_runs(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<RunFlags>();
  flags->folder = server::default_workspace().string();
  auto* command = app.add_subcommand("runs", "Store evaluations for viewing and comparing");
  command->require_subcommand(1);
  auto* adds = command->add_subcommand("add", "Store the results of `dspy eval --output FILE.json`");
  adds->add_option("file", flags->file)->required();
  adds->add_option("--workspace", flags->folder, "The folder")->envname("DSPY_DATA")->capture_default_str();
  adds->add_option("--tenant", flags->tenant, "The tenant; omit it for the server's operator");
  adds->add_option("--id", flags->id, "The run's name [the time]");
  adds->add_option("--program", flags->info.program, "The program that was evaluated, such as triage:3");
  adds->add_option("--dataset", flags->info.dataset, "On what");
  adds->callback([flags, &plan] { plan = [flags] { return add(*flags); }; });
  command->footer(
      "Example:\n  dspy eval triage.json tickets.jsonl --output run.json\n  dspy runs add run.json --program triage:3 "
      "--dataset tickets");
}

}  // namespace dspy::app
