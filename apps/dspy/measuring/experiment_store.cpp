#include "measuring/experiment_store.hpp"

#include "command.hpp"
#include "data/workspace_table.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct StoreFlags {
  std::string folder;
  std::string tenant;
  std::string name;
  std::string program;
  std::string metric;
  std::vector<std::string> arms;
  std::vector<double> weights;
  double smallest_effect = 0.1;
};

server::Caller caller_of(const StoreFlags& flags) {
  return {.tenant = flags.tenant};
}

Json act(const StoreFlags& flags, std::string_view action, JsonObject inputs = {}) {
  const auto table = workspace_table(flags.folder);
  const auto& actions = table.at("experiments").actions;
  const auto found = std::ranges::find(actions, action, &server::ResourceAction::name);
  if (found == actions.end()) throw Error(Errc::unsupported, std::format("experiments have no action `{}`", action));
  return wait(found->run({.caller = caller_of(flags), .id = flags.name, .inputs = std::move(inputs)}));
}

int list(const StoreFlags& flags) {
  const auto table = workspace_table(flags.folder);
  constexpr std::size_t most = 1000;
  for (const auto& item : wait(table.at("experiments").list({.caller = caller_of(flags), .limit = most})).items)
    print_json(item);
  return exit_ok;
}

int show(const StoreFlags& flags) {
  const auto table = workspace_table(flags.folder);
  const auto found = wait(table.at("experiments").get(caller_of(flags), flags.name));
  if (!found)
    throw Error(Errc::bad_input,
                std::format("the experiment `{}` does not exist; `dspy experiment list` lists them", flags.name));
  print_line(to_pretty_text(Json(*found)));
  return exit_ok;
}

int start(const StoreFlags& flags) {
  if (!flags.weights.empty() && flags.weights.size() != flags.arms.size())
    throw Error(Errc::bad_input, std::format("--weights has {} numbers, and there are {} arms; give one for each",
                                             flags.weights.size(), flags.arms.size()));
  JsonArray arms;
  for (std::size_t i = 0; i < flags.arms.size(); ++i) {
    const auto& text = flags.arms[i];
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      throw Error(Errc::bad_input, std::format("--arm `{}`: write NAME=VERSION, such as new=3", text));
    arms.push_back(JsonObject{{"name", text.substr(0, equals)},
                              {"version", text.substr(equals + 1)},
                              {"weight", flags.weights.empty() ? 1 : flags.weights.at(i)}});
  }
  print_json(act(flags, "start",
                 {{"name", flags.name},
                  {"program", flags.program},
                  {"metric", flags.metric},
                  {"arms", std::move(arms)},
                  {"smallest_effect", flags.smallest_effect}})
                 .as_object());
  return exit_ok;
}

int stop(const StoreFlags& flags) {
  print_line(to_pretty_text(act(flags, "stop")));
  return exit_ok;
}

}  // namespace

void add_experiment_store(CLI::App& command, Plan& plan) {
  auto flags = std::make_shared<StoreFlags>();
  flags->folder = server::default_workspace().string();
  const auto part = [&](const std::string& name, const std::string& about, int (*run)(const StoreFlags&)) {
    auto* each = command.add_subcommand(name, about);
    each->add_option("--workspace", flags->folder, "The folder")->envname("DSPY_DATA")->capture_default_str();
    each->add_option("--tenant", flags->tenant, "The tenant; omit it for the server's operator");
    each->callback([flags, &plan, run] { plan = [flags, run] { return run(*flags); }; });
    return each;
  };
  part("list", "List the experiments of a workspace, one object per line", list);
  part("show", "Show an experiment: its arms, the callers assigned to them, and the result", show)
      ->add_option("name", flags->name)
      ->required();
  auto* starts = part("start", "Start an experiment that splits the calls of a served program", start);
  starts->add_option("name", flags->name)->required();
  starts->add_option("program", flags->program, "As it is served")->required();
  starts->add_option("--metric", flags->metric, "The name of the feedback to compare")->required();
  auto* arms = starts->add_option("--arm", flags->arms,
                                  "NAME=VERSION (at least twice): a version in the registry, or a served program");
  arms->required()->allow_extra_args(false);
  starts->add_option("--weights", flags->weights, "Of the arms, as in 9,1")->delimiter(',');
  starts->add_option("--smallest-effect", flags->smallest_effect, "The smallest difference that matters")
      ->capture_default_str();
  part("stop", "Stop an experiment, and show the result", stop)->add_option("name", flags->name)->required();
}

}  // namespace dspy::app
