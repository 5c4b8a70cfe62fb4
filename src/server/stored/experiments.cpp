#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/registry/experiment.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "server/stored/file_lock.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// An experiment is a file `experiments/<id>.json`: `{"program", "metric", "arms": [{"name", "version", "weight"}],
// "smallest_effect", "state", "started_at", "stopped_at"?}`.  What its arms reached is the feedback of that metric on
// traces of the program in the arm's version, given while it ran.

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = 1 << 20;

std::filesystem::path path_of(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  return services.workspace.path(tenant, "experiments", id, ".json");
}

std::optional<JsonObject> read(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  const auto path = path_of(services, tenant, id);
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  auto json = parse_json(read_text(path, most_bytes));
  if (!json || !json->is_object()) throw Error(Errc::io_error, std::format("the experiment `{}` is damaged", id));
  json->get_object()["id"] = id;
  return std::move(json->get_object());
}

JsonObject require(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  auto found = read(services, tenant, id);
  if (!found) throw not_there("experiments", id);
  return *std::move(found);
}

std::string text_at(const JsonObject& from, std::string_view name) {
  return optional_text(from, name).value_or("");
}

/// The values of each arm, from feedback on its traces.  The latest judgement of a trace counts.
std::vector<ArmOutcomes> outcomes(const ResourceServices& services, const std::string& tenant,
                                  const JsonObject& experiment) {
  std::vector<ArmOutcomes> arms;
  std::vector<std::string> versions;
  for (const auto& each : experiment.at("arms").as_array()) {
    const auto& arm = each.as_object();
    arms.push_back({.arm = text_at(arm, "name"), .weight = optional_number(arm, "weight").value_or(1)});
    versions.push_back(text_at(arm, "version"));
  }
  if (!services.traces) return arms;
  const auto program = text_at(experiment, "program");
  const auto metric = text_at(experiment, "metric");
  const auto begun = parse_iso_time(text_at(experiment, "started_at"));
  const auto ended = parse_iso_time(text_at(experiment, "stopped_at"));
  std::set<std::string> judged;
  constexpr std::size_t most = 1'000'000;
  for (const auto& each : services.traces->feedback(tenant, {}, most)) {
    if (each.name != metric || !judged.insert(each.trace).second) continue;
    if ((begun && each.at < *begun) || (ended && each.at > *ended)) continue;
    const auto page =
        services.traces->list({.tenant = tenant, .filters = {{"id", each.trace}, {"program", program}}, .limit = 1});
    if (page.items.empty()) continue;
    const auto arm = std::ranges::find(versions, text_at(page.items.front(), "version"));
    if (arm != versions.end()) arms[static_cast<std::size_t>(arm - versions.begin())].values.push_back(each.score);
  }
  return arms;
}

JsonObject counts_of(const std::vector<ArmOutcomes>& arms) {
  JsonObject out;
  for (const auto& arm : arms) out[arm.arm] = arm.values.size();
  return out;
}

Json result_of(const std::vector<ArmOutcomes>& arms, double smallest_effect) {
  for (const auto& arm : arms) {
    if (arm.values.size() < 2)
      return Json{{"problem",
                   std::format("the arm `{}` has {} judgements; two are needed at least", arm.arm, arm.values.size())}};
  }
  const auto report = analyze(arms, smallest_effect);
  JsonArray comparisons;
  for (const auto& each : report.comparisons) {
    JsonObject line{{"arm", each.arm},
                    {"mean", each.mean},
                    {"difference", each.difference},
                    {"interval", {{"low", each.interval.low}, {"high", each.interval.high}}},
                    {"test", each.test},
                    {"p_value", each.p_value},
                    {"adjusted_p_value", each.adjusted_p_value}};
    if (each.always_valid_p_value) line["always_valid_p_value"] = *each.always_valid_p_value;
    comparisons.push_back(std::move(line));
  }
  return Json{{"control", arms.front().arm},
              {"control_mean", report.control_mean},
              {"ratio_is_fine", report.is_ratio_fine},
              {"comparisons", comparisons}};
}

JsonObject whole_of(const ResourceServices& services, const std::string& tenant, JsonObject experiment) {
  const auto arms = outcomes(services, tenant, experiment);
  experiment["counts"] = counts_of(arms);
  experiment["result"] = result_of(arms, optional_number(experiment, "smallest_effect").value_or(0.1));
  return experiment;
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
    if (name.empty() || version.empty() || !(weight > 0 && weight < 1e6) || !names.insert(name).second)
      throw Error(Errc::bad_input,
                  "an arm is {\"name\", \"version\", \"weight\"?}, names differ, and weights are above 0",
                  {.invalid = {"arms"}});
    out.push_back(JsonObject{{"name", name}, {"version", version}, {"weight", weight}});
  }
  if (out.size() < 2) throw Error(Errc::bad_input, "an experiment has two arms or more", {.invalid = {"arms"}});
  return out;
}

Json start(const ResourceServices& services, const ActionCall& call) {
  const auto id = text_input(call.inputs, "name");
  const auto path = path_of(services, call.caller.tenant, id);
  JsonObject experiment{{"program", text_input(call.inputs, "program")},
                        {"metric", text_input(call.inputs, "metric")},
                        {"arms", arms_of(call.inputs.at("arms").as_array())},
                        {"smallest_effect", optional_number(call.inputs, "smallest_effect").value_or(0.1)},
                        {"state", "running"},
                        {"started_at", iso_time(std::chrono::system_clock::now())}};
  std::filesystem::create_directories(path.parent_path());
  const FileLock lock(path.parent_path() / ".lock");
  if (std::filesystem::exists(path))
    throw HttpError(409, Errc::bad_input, std::format("there is an experiment `{}` already; name another one", id));
  replace_file(path, to_text(experiment) + "\n");
  tell(services, call.caller.tenant, "experiments", id, "created");
  experiment["id"] = id;
  return experiment;
}

Json stop(const ResourceServices& services, const ActionCall& call) {
  const auto path = path_of(services, call.caller.tenant, call.id);
  require(services, call.caller.tenant, call.id);
  const FileLock lock(path.parent_path() / ".lock");
  auto experiment = require(services, call.caller.tenant, call.id);
  if (text_at(experiment, "state") == "running") {
    experiment["state"] = "stopped";
    experiment["stopped_at"] = iso_time(std::chrono::system_clock::now());
    auto kept = experiment;
    kept.erase("id");
    replace_file(path, to_text(kept) + "\n");
    tell(services, call.caller.tenant, "experiments", call.id, "updated");
  }
  return whole_of(services, call.caller.tenant, std::move(experiment));
}

std::vector<JsonObject> listed(const ResourceServices& services, const std::string& tenant) {
  std::vector<JsonObject> out;
  for (const auto& entry : services.workspace.list(tenant, "experiments", ".json")) {
    auto found = attempt([&] { return read(services, tenant, entry.id); });
    if (found && *found) out.push_back(**std::move(found));
    if (!found) out.push_back({{"id", entry.id}, {"problem", damaged("experiments", entry.id, found.error()).what()}});
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
              return Json{{"counts", whole.at("counts")}, {"result", whole.at("result")}};
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
                  auto found = read(services, tenant, id);
                  return found ? std::optional(whole_of(services, tenant, *std::move(found))) : std::nullopt;
                });
          }};
}

}  // namespace dspy::server
