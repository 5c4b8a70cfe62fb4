#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/experiments/served_names.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "server/experiments/experiment_file.hpp"
#include "server/stored/experiment_outcomes.hpp"
#include "server/stored/files/file_lock.hpp"
#include "server/stored/stored.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <format>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

JsonObject require(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  auto found = read_experiment(services.workspace, tenant, id);
  if (!found) throw not_there("experiments", id);
  return *std::move(found);
}

std::string text_at(const JsonObject& from, std::string_view name) {
  return experiment_text(from, name);
}

JsonObject whole_of(const ResourceServices& services, const std::string& tenant, JsonObject experiment) {
  const auto known = outcomes(services, tenant, experiment);
  experiment["counts"] = counts_of(known);
  if (!known.exposed.empty()) experiment["exposures"] = exposures_of(known);
  experiment["result"] = result_of(known, optional_number(experiment, "smallest_effect").value_or(0.1));
  return experiment;
}

constexpr std::size_t most_name = 100;
constexpr std::size_t most_version = 200;
constexpr int weight_limit = 1'000'000;

[[noreturn]] void wrong_arms(const std::string& why) {
  throw Error(Errc::bad_input, why, {.invalid = {"arms"}});
}

/// Arms as `{"name", "version", "weight"?}`.
JsonArray arms_of(const JsonArray& given) {
  JsonArray out;
  std::set<std::string> names;
  for (const auto& each : given) {
    const auto* const arm = each.if_object();
    const auto name = arm != nullptr ? text_at(*arm, "name") : std::string();
    const auto version = arm != nullptr ? text_at(*arm, "version") : std::string();
    const auto weight = arm != nullptr ? optional_number(*arm, "weight").value_or(1) : 1;
    if (name.empty() || name.size() > most_name || version.empty() || version.size() > most_version)
      wrong_arms(
          std::format("an arm is {{\"name\", \"version\", \"weight\"?}}, with a name of 1 to {} bytes and a "
                      "version of 1 to {}",
                      most_name, most_version));
    if (!(weight > 0 && weight < weight_limit))
      wrong_arms(
          std::format("the arm `{}` has the weight {}; a weight is above 0 and below {}", name, weight, weight_limit));
    if (!names.insert(name).second) wrong_arms(std::format("two arms are named `{}`; names must differ", name));
    out.push_back(JsonObject{{"name", name}, {"version", version}, {"weight", weight}});
  }
  if (out.size() < 2) wrong_arms("an experiment has two arms or more");
  return out;
}

/// The experiment that runs on a program already.
std::optional<std::string> running_on(const ResourceServices& services, const std::string& tenant,
                                      const std::string& program) {
  for (const auto& entry : services.workspace.list(tenant, "experiments", ".json")) {
    const auto found = attempt([&] { return read_experiment(services.workspace, tenant, entry.id); });
    if (found && *found && text_at(**found, "state") == "running" && text_at(**found, "program") == program)
      return entry.id;
  }
  return std::nullopt;
}

/// Another process with this workspace may serve what this one does not.
void require_served(const ResourceServices& services, const std::string& program) {
  const auto served = served_names(services.workspace);
  if (!served && !services.live_experiments)
    throw HttpError(409, Errc::bad_input,
                    std::format("no server uses the workspace `{}`, so no calls of `{}` would be divided; start `dspy "
                                "serve` with this workspace first",
                                services.workspace.folder().string(), program));
  if (!served || !served->contains(program))
    throw HttpError(404, Errc::bad_input,
                    std::format("the program `{}` is not served, so an experiment would get no calls; start it with "
                                "`dspy serve {}=…`, or choose one that GET /v1/programs lists",
                                program, program),
                    {.invalid = {"program"}});
}

Json start(const ResourceServices& services, const ActionCall& call) {
  const auto id = text_input(call.inputs, "name");
  const auto& tenant = call.caller.tenant;
  const auto path = experiment_path(services.workspace, tenant, id);
  const auto program = text_input(call.inputs, "program");
  const auto smallest = optional_number(call.inputs, "smallest_effect").value_or(0.1);
  if (!(smallest > 0 && smallest < 1e9))
    throw Error(Errc::bad_input, "`smallest_effect` is a difference worth knowing, above 0",
                {.invalid = {"smallest_effect"}});
  JsonObject experiment{{"program", program},
                        {"metric", text_input(call.inputs, "metric")},
                        {"arms", arms_of(call.inputs.at("arms").as_array())},
                        {"smallest_effect", smallest},
                        {"state", "running"},
                        {"started_at", iso_time(std::chrono::system_clock::now())}};
  std::vector<std::string> versions;
  for (const auto& arm : experiment.at("arms").as_array()) versions.push_back(text_at(arm.as_object(), "version"));
  if (services.live_experiments) services.live_experiments->require_may_start(call.caller, program, versions);
  const bool divides = services.live_experiments && services.live_experiments->check(program, versions);
  if (!divides) require_served(services, program);
  std::filesystem::create_directories(path.parent_path());
  {
    const FileLock lock(path.parent_path() / ".lock");
    if (std::filesystem::exists(path))
      throw HttpError(409, Errc::bad_input, std::format("there is an experiment `{}` already; name another one", id));
    if (const auto other = running_on(services, tenant, program))
      throw HttpError(409, Errc::bad_input,
                      std::format("the experiment `{}` runs on `{}`; stop it first", *other, program));
    replace_file(path, to_text(experiment) + "\n");
  }
  if (services.live_experiments) services.live_experiments->poll();
  tell(services, tenant, "experiments", id, "created");
  experiment["id"] = id;
  experiment["divides_calls"] = divides;
  if (!divides)
    experiment["note"] = std::format(
        "no calls are divided here: the server that serves `{}` checks the arms' versions, and divides its calls "
        "within a second; its /readyz says so where it cannot",
        program);
  return experiment;
}

Json stop(const ResourceServices& services, const ActionCall& call) {
  const auto path = experiment_path(services.workspace, call.caller.tenant, call.id);
  require(services, call.caller.tenant, call.id);
  std::optional<FileLock> lock(path.parent_path() / ".lock");
  auto experiment = require(services, call.caller.tenant, call.id);
  if (text_at(experiment, "state") == "running") {
    experiment["state"] = "stopped";
    experiment["stopped_at"] = iso_time(std::chrono::system_clock::now());
    auto kept = experiment;
    kept.erase("id");
    replace_file(path, to_text(kept) + "\n");
    lock.reset();
    if (services.live_experiments) services.live_experiments->poll();
    tell(services, call.caller.tenant, "experiments", call.id, "updated");
  }
  return whole_of(services, call.caller.tenant, std::move(experiment));
}

std::vector<JsonObject> listed(const ResourceServices& services, const std::string& tenant) {
  std::vector<JsonObject> out;
  for (const auto& entry : services.workspace.list(tenant, "experiments", ".json")) {
    auto found = attempt([&] { return read_experiment(services.workspace, tenant, entry.id); });
    if (found) {
      if (*found) out.push_back(std::move(**found));
      continue;
    }
    out.push_back({{"id", entry.id}, {"problem", damaged("experiments", entry.id, found.error()).what()}});
  }
  return out;
}

}  // namespace

Resource experiments_resource(const ResourceServices& services) {
  const auto with_call = [services](Json (*work)(const ResourceServices&, const ActionCall&)) {
    return [services, work](ActionCall call) {
      return on_cpu([services, work, call = std::move(call)] { return work(services, call); });
    };
  };
  std::vector<ResourceField> fields = {{.name = "id", .is_sortable = true, .is_searchable = true},
                                       {.name = "program", .is_sortable = true, .is_searchable = true},
                                       {.name = "metric", .is_searchable = true},
                                       {.name = "arms", .type = "json"},
                                       {.name = "state", .is_sortable = true},
                                       {.name = "started_at", .type = "datetime", .is_sortable = true},
                                       {.name = "stopped_at", .type = "datetime", .is_sortable = true},
                                       {.name = "problem"}};
  return {
      .name = "experiments",
      .fields = fields,
      .relations = {{.field = "program", .to = "programs"}},
      .actions =
          {{.name = "start",
            .inputs =
                "name: str, program: str, metric: str, arms: list[dict[str, Any]], smallest_effect: Optional[float]",
            .on = ResourceAction::On::all,
            .run = with_call(start)},
           {.name = "stop", .needs_confirmation = true, .run = with_call(stop)},
           {.name = "result",
            .scope = "experiments:read",
            .run = with_call([](const ResourceServices& held, const ActionCall& call) -> Json {
              const auto whole = whole_of(held, call.caller.tenant, require(held, call.caller.tenant, call.id));
              Json out{{"counts", whole.at("counts")}, {"result", whole.at("result")}};
              if (const auto* const exposures = whole.if_contains("exposures"))
                out.as_object()["exposures"] = *exposures;
              return out;
            })}},
      .list =
          [services, fields](ResourceQuery query) {
            return on_cpu([services, fields, query = std::move(query)] {
              return page_of(listed(services, query.caller.tenant), fields, query);
            });
          },
      .get =
          [services](Caller caller, std::string id) {
            return on_cpu(
                [services, tenant = std::move(caller.tenant), id = std::move(id)]() -> std::optional<JsonObject> {
                  auto found = read_experiment(services.workspace, tenant, id);
                  return found ? std::optional(whole_of(services, tenant, *std::move(found))) : std::nullopt;
                });
          }};
}

}  // namespace dspy::server
