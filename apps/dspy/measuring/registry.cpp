#include "dspy/registry/registry.hpp"

#include "agents/agent_source.hpp"
#include "command.hpp"
#include "dspy/agents/agent_file.hpp"
#include "dspy/agents/agent_program.hpp"
#include "dspy/registry/promotion.hpp"
#include "measuring/evaluation_file.hpp"
#include "measuring/registry.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <optional>

namespace dspy::app {
namespace {

struct RegistryFlags {
  std::string file;
  std::string name;
  std::string alias;
  std::string reason;
  std::string out;
  std::string program;
  std::int64_t version = 0;
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> parent;
  int steps = 1;
  std::string champion;
  std::string challenger;
  PromotionGates gates;
  bool accept_breaking = false;
  bool json = false;
  ProgramFlags load;

  Registry open() const { return Registry(file); }
};

JsonObject to_json(const ProgramVersion& version) {
  JsonObject out = {
      {"name", version.name},
      {"number", version.number},
      {"version", to_string(version.version)},
      {"digest", version.digest},
      {"created_at", std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(version.created_at))}};
  if (version.parent) out["parent"] = *version.parent;
  if (version.lineage.score) out["score"] = *version.lineage.score;
  if (!version.lineage.optimizer.empty()) out["optimizer"] = version.lineage.optimizer;
  return out;
}

void show(const ProgramVersion& version, bool as_json) {
  if (as_json) return print_json(to_json(version));
  print_line(std::format("{}:{}  {}  {:%F}  {}{}", version.name, version.number, to_string(version.version),
                         std::chrono::floor<std::chrono::days>(version.created_at), version.digest.substr(0, 12),
                         version.lineage.score ? std::format("  {:.2f} %", 100 * *version.lineage.score) : ""));
}

/// What the file says about how it was found.
Lineage lineage_of(const ProgramFile& file) {
  Lineage out{.optimizer = file.optimizer};
  if (file.scores.empty()) return out;
  const auto& last = file.scores.back();
  out.score = last.value;
  out.metric = last.metric;
  out.data = last.dataset;
  out.examples = last.examples.value_or(0);
  return out;
}

int add(const RegistryFlags& flags) {
  auto load = flags.load;
  load.path = flags.program;
  const auto file = is_agent_file(flags.program) ? program_of(load_agent(flags.program)) : load.load();
  const auto name = flags.name.empty() ? std::filesystem::path(flags.program).stem().string() : flags.name;
  auto registry = flags.open();
  show(registry.add(name, file, lineage_of(file), flags.parent), flags.json);
  return exit_ok;
}

int list(const RegistryFlags& flags) {
  auto registry = flags.open();
  const auto names = flags.name.empty() ? registry.names() : std::vector{flags.name};
  for (const auto& name : names) {
    for (const auto& version : registry.versions(name)) show(version, flags.json);
    if (flags.json) continue;
    for (const auto& [alias, number] : registry.aliases(name))
      print_line(std::format("{}@{} -> {}", name, alias, number));
  }
  return exit_ok;
}

int fetch(const RegistryFlags& flags) {
  auto registry = flags.open();
  const auto version = registry.find(flags.name);
  save_program(flags.out, registry.load(version));
  show(version, flags.json);
  return exit_ok;
}

int move(const RegistryFlags& flags) {
  auto registry = flags.open();
  registry.move_alias(flags.name, flags.alias, flags.from, flags.version, flags.reason);
  show(registry.find(flags.name + "@" + flags.alias), flags.json);
  return exit_ok;
}

/// Exit code 1 if a gate was not passed.
int promote_version(const RegistryFlags& flags) {
  auto gates = flags.gates;
  gates.requires_compatible = !flags.accept_breaking;
  auto registry = flags.open();
  const auto results = promote(registry, flags.name, flags.version, flags.alias, read_evaluation(flags.champion),
                               read_evaluation(flags.challenger), gates);
  for (const auto& gate : results) {
    if (flags.json)
      print_json({{"gate", gate.gate}, {"passed", gate.is_passed}, {"text", gate.text}});
    else
      print_line(std::format("{} {}: {}", gate.is_passed ? "passed" : "FAILED", gate.gate, gate.text));
  }
  const bool is_promoted = std::ranges::all_of(results, &GateResult::is_passed);
  if (!flags.json)
    print_line(is_promoted ? std::format("{}@{} -> {}", flags.name, flags.alias, flags.version)
                           : std::format("{}@{} was not moved", flags.name, flags.alias));
  return is_promoted ? exit_ok : exit_failed;
}

int go_back(const RegistryFlags& flags) {
  auto registry = flags.open();
  registry.rollback(flags.name, flags.alias, flags.steps);
  show(registry.find(flags.name + "@" + flags.alias), flags.json);
  return exit_ok;
}

int tell_history(const RegistryFlags& flags) {
  auto registry = flags.open();
  for (const auto& event : registry.history(flags.name)) {
    JsonObject line = {{"at", std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(event.at))}};
    if (!event.alias.empty()) line["alias"] = event.alias;
    if (event.from) line["from"] = *event.from;
    if (event.to) line["to"] = *event.to;
    line["reason"] = event.reason;
    print_json(line);
  }
  return exit_ok;
}

}  // namespace

std::string default_registry() {
  const auto* const home = std::getenv("HOME");
  return (std::filesystem::path(home != nullptr ? home : ".") / ".local/share/dspy/registry.sqlite").string();
}

void add_registry(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<RegistryFlags>();
  flags->file = default_registry();
  auto* command =
      app.add_subcommand("registry", "Store versions of programs, and aliases such as `production` for them");
  command->require_subcommand(1);
  command->add_option("--file", flags->file, "The registry's file")->envname("DSPY_REGISTRY")->capture_default_str();
  command->add_flag("--json", flags->json, "Print objects");
  const auto part = [&](const std::string& name, const std::string& about, int (*run)(const RegistryFlags&)) {
    auto* each = command->add_subcommand(name, about);
    each->fallthrough();
    each->callback([flags, &plan, run] { plan = [flags, run] { return run(*flags); }; });
    return each;
  };
  auto* adds = part("add", "Add a program file, or an agent's file, as a version", add);
  adds->add_option("program", flags->program)->required();
  adds->add_flag("--accept-changed", flags->load.accept_changed, "Accept a file that was edited after it was saved");
  adds->add_option("--name", flags->name, "Else the file's name");
  adds->add_option("--parent", flags->parent, "The version it descends from [the newest]");
  part("list", "List versions and aliases", list)->add_option("name", flags->name);
  auto* gets = part("get", "Write a version to a file", fetch);
  gets->add_option("reference", flags->name, "name, name:3, name:1.2.0 or name@alias")->required();
  gets->add_option("--out", flags->out)->required();
  auto* moves = part("move", "Move an alias", move);
  moves->add_option("name", flags->name)->required();
  moves->add_option("alias", flags->alias)->required();
  moves->add_option("version", flags->version)->required();
  moves->add_option("--from", flags->from, "The version that the alias names now; omit it for a new alias");
  moves->add_option("--reason", flags->reason);
  auto* promotes = part("promote", "Move an alias to a version that is measurably better", promote_version);
  promotes->add_option("name", flags->name)->required();
  promotes->add_option("alias", flags->alias)->required();
  promotes->add_option("version", flags->version)->required();
  promotes->add_option("--champion", flags->champion, "Results of the version that the alias names now (dspy eval -o)")
      ->required();
  promotes->add_option("--challenger", flags->challenger, "Results of the new version on the same examples")
      ->required();
  promotes->add_option("--min-gain", flags->gates.min_gain, "The gain's interval must lie above this")
      ->capture_default_str();
  promotes->add_option("--max-token-ratio", flags->gates.max_token_ratio, "Tokens an example, compared with before");
  promotes->add_option("--max-failure-share", flags->gates.max_failure_share, "Of the examples, such as 0.01");
  promotes->add_option("--slice", flags->gates.slice_by, "A field of the examples; none of its values may get worse");
  promotes->add_option("--max-slice-loss", flags->gates.max_slice_loss, "How much worse is accepted")
      ->capture_default_str();
  promotes->add_flag("--accept-breaking", flags->accept_breaking, "Accept other inputs or outputs");
  auto* backs = part("rollback", "Move an alias back", go_back);
  backs->add_option("name", flags->name)->required();
  backs->add_option("alias", flags->alias)->required();
  backs->add_option("--steps", flags->steps)->check(CLI::Range(1, 1000))->capture_default_str();
  part("history", "Print the history, one object per line", tell_history)->add_option("name", flags->name)->required();
}

}  // namespace dspy::app
