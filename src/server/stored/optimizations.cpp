#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "server/stored/checkpoint_view.hpp"
#include "server/stored/files/file_cache.hpp"
#include "server/stored/files/file_time.hpp"
#include "server/stored/run_view.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// A run of an optimizer is `optimizations/<id>.run`, which a server started (run_view.hpp); or
// `optimizations/<id>.json`, the report of one that ended (`to_json(optimize::Report)`, as `dspy optimize --json`
// prints it); or `optimizations/<id>.jsonl`, the checkpoint of one that has not.

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 30;

void copy(const JsonObject& from, std::string_view name, JsonObject& to, std::string_view as = {}) {
  if (const auto* const value = from.if_contains(name)) to[as.empty() ? name : as] = *value;
}

JsonObject read_report(const WorkspaceEntry& entry) {
  auto json = parse_json(read_text(entry.path, most_bytes));
  if (!json || !json->is_object() || !json->get_object().contains("candidates"))
    throw Error(Errc::bad_input, std::format("`{}` is not a report of an optimizer", entry.id));
  return std::move(json->get_object());
}

JsonObject spent_of(const JsonObject& report) {
  JsonObject out;
  const auto* const usage = report.if_contains("usage");
  if (usage == nullptr || !usage->is_object()) return out;
  copy(usage->get_object(), "requests", out);
  copy(usage->get_object(), "prompt_tokens", out);
  copy(usage->get_object(), "completion_tokens", out);
  const auto cost = optional_number(usage->get_object(), "cost_nanodollars");
  if (cost) out["cost"] = *cost / 1e9;
  return out;
}

JsonObject report_summary(const WorkspaceEntry& entry) {
  const auto report = read_report(entry);
  JsonObject out{{"id", entry.id}, {"state", report.contains("stopped") ? "stopped" : "done"}};
  copy(report, "out", out, "program");
  for (const auto* const name : {"optimizer", "metric", "examples", "seconds", "stopped"}) copy(report, name, out);
  copy(report, "score", out, "best");
  out["spent"] = spent_of(report);
  if (const auto* const candidates = report.at("candidates").if_array()) out["candidate_count"] = candidates->size();
  out["changed_at"] = changed_at(entry.path);
  return out;
}

/// Instructions and demonstrations by predictor, as the report has them.
JsonArray candidates_of(const JsonObject& report) {
  JsonArray out;
  const auto* const candidates = report.at("candidates").if_array();
  if (candidates == nullptr) return out;
  for (const auto& each : *candidates) {
    if (!each.is_object()) continue;
    const auto& candidate = each.get_object();
    JsonObject line{{"id", out.size()}};
    for (const auto* const name :
         {"parents", "score", "origin", "prompts", "prompt_size", "row_scores", "minibatch_scores"})
      copy(candidate, name, line);
    if (const auto* const parents = candidate.if_contains("parents");
        parents != nullptr && parents->is_array() && !parents->get_array().empty())
      line["parent"] = parents->get_array().front();
    out.push_back(std::move(line));
  }
  return out;
}

/// Candidates that are best at some example: the front of GEPA.
JsonArray front_of(const JsonArray& candidates) {
  std::vector<std::pair<std::size_t, std::vector<double>>> scores;
  std::size_t examples = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto* const rows = candidates[i].get_object().if_contains("row_scores");
    if (rows == nullptr || !rows->is_array()) continue;
    std::vector<double> values;
    for (const auto& value : rows->get_array()) values.push_back(value.is_number() ? value.to_number<double>() : 0);
    examples = std::max(examples, values.size());
    scores.emplace_back(i, std::move(values));
  }
  std::vector<double> best(examples, -1e300);
  for (const auto& [id, values] : scores) {
    for (std::size_t i = 0; i < values.size(); ++i) best[i] = std::max(best[i], values[i]);
  }
  JsonArray out;
  for (const auto& [id, values] : scores) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) count += values[i] >= best[i] ? 1 : 0;
    if (count != 0) out.push_back(JsonObject{{"candidate", id}, {"best_at", count}});
  }
  return out;
}

JsonObject whole_of(const WorkspaceEntry& entry) {
  const auto report = read_report(entry);
  auto out = report_summary(entry);
  for (const auto* const name : {"options", "notes", "details", "chosen", "rollouts", "cached_rollouts"})
    copy(report, name, out);
  JsonArray points;
  if (const auto* const curve = report.if_contains("curve"); curve != nullptr && curve->is_array()) {
    for (const auto& each : curve->get_array()) {
      if (!each.is_object()) continue;
      auto point = each.get_object();
      copy(point, "best", point, "score");
      copy(point, "requests", point, "cost");
      points.push_back(std::move(point));
    }
  }
  out["points"] = std::move(points);
  auto candidates = candidates_of(report);
  out["front"] = front_of(candidates);
  out["candidates"] = std::move(candidates);
  return out;
}

std::optional<WorkspaceEntry> find(const ResourceServices& services, const std::string& tenant, const std::string& id,
                                   std::string_view ending) {
  auto path = services.workspace.path(tenant, "optimizations", id, ending);
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  return WorkspaceEntry{.id = id, .path = std::move(path)};
}

/// A run that is known here, with what its report says once it has ended.
JsonObject run_of(const ResourceServices& services, const std::string& tenant, const WorkspaceEntry& run) {
  const bool is_running = services.optimizations && services.optimizations->is_running(tenant, run.id);
  auto out = run_view(run, is_running);
  const auto report = find(services, tenant, run.id, ".json");
  if (out.at("state") == "running" || !report) return out;
  auto whole = whole_of(*report);
  for (const auto* const name : {"state", "program", "optimizer", "metric", "changed_at", "error"})
    copy(out, name, whole);
  for (const auto& each : out) {
    if (!whole.contains(each.key())) whole[each.key()] = each.value();
  }
  return whole;
}

std::vector<JsonObject> listed(const ResourceServices& services, FileCache& reports, FileCache& checkpoints,
                               const std::string& tenant) {
  std::vector<JsonObject> out;
  std::set<std::string> runs;
  for (const auto& run : services.workspace.list(tenant, "optimizations", ".run")) {
    runs.insert(run.id);
    const bool is_running = services.optimizations && services.optimizations->is_running(tenant, run.id);
    auto found = attempt([&] { return run_summary(run, is_running); });
    if (!found) found = JsonObject{{"id", run.id}, {"problem", damaged("optimizations", run.id, found.error()).what()}};
    out.push_back(*std::move(found));
  }
  // The files next to the settings of a run are part of that run.
  const auto alone = [&](std::string_view ending) {
    auto entries = services.workspace.list(tenant, "optimizations", ending);
    std::erase_if(entries, [&](const WorkspaceEntry& entry) { return runs.contains(entry.id); });
    return entries;
  };
  std::ranges::move(reports.all(alone(".json")), std::back_inserter(out));
  std::ranges::move(checkpoints.all(alone(".jsonl")), std::back_inserter(out));
  return out;
}

/// Inputs without those that were left out.
JsonObject settings_of(const JsonObject& inputs) {
  JsonObject out;
  for (const auto& each : inputs) {
    if (each.key() != "name" && !each.value().is_null()) out[each.key()] = each.value();
  }
  return out;
}

std::vector<ResourceAction> actions_of(const ResourceServices& services) {
  if (!services.optimizations) return {};
  const auto on_cpu_with = [runner = services.optimizations](auto work) {
    return [runner, work](ActionCall call) {
      return on_cpu([runner, work, call = std::move(call)] { return work(*runner, call); });
    };
  };
  return {{.name = "start",
           .inputs = "name: str, program: str, dataset: str, valset: Optional[str], val_share: Optional[float], "
                     "optimizer: Optional[str], metric: Optional[str], field: Optional[str], effort: "
                     "Optional[Literal['light', 'medium', 'heavy']], candidates: Optional[int], max_requests: "
                     "Optional[int], seed: Optional[int]",
           .on = ResourceAction::On::all,
           .run = on_cpu_with([](OptimizationRunner& runner, const ActionCall& call) {
             require_scope(call.caller, "invoke");
             require_scope(call.caller, "datasets:read");
             const auto id = text_input(call.inputs, "name");
             runner.start(call.caller, id, settings_of(call.inputs));
             return Json{{"id", id}, {"state", "running"}};
           })},
          {.name = "stop",
           .needs_confirmation = true,
           .run = on_cpu_with([](OptimizationRunner& runner, const ActionCall& call) {
             runner.stop(call.caller, call.id);
             return Json{{"id", call.id}, {"state", "stopping"}};
           })},
          {.name = "resume", .run = on_cpu_with([](OptimizationRunner& runner, const ActionCall& call) {
                               require_scope(call.caller, "invoke");
                               require_scope(call.caller, "datasets:read");
                               runner.resume(call.caller, call.id);
                               return Json{{"id", call.id}, {"state", "running"}};
                             })}};
}

}  // namespace

Resource optimizations_resource(const ResourceServices& services) {
  std::vector<ResourceField> fields = {
      {.name = "id", .is_sortable = true, .is_searchable = true},
      {.name = "program", .is_sortable = true, .is_searchable = true},
      {.name = "optimizer", .is_sortable = true, .is_searchable = true},
      {.name = "metric", .is_searchable = true},
      {.name = "state", .is_sortable = true},
      {.name = "best", .type = "float", .is_sortable = true},
      {.name = "spent", .type = "json"},
      {.name = "candidate_count", .type = "int", .title = "Candidates", .is_sortable = true},
      {.name = "changed_at", .type = "datetime", .title = "Changed", .is_sortable = true},
      {.name = "problem"}};
  const auto reports = std::make_shared<FileCache>(report_summary);
  const auto checkpoints = std::make_shared<FileCache>(checkpoint_view);
  return {.name = "optimizations",
          .fields = fields,
          .relations = {{.field = "program", .to = "programs"}},
          .actions = actions_of(services),
          .list =
              [services, fields, reports, checkpoints](ResourceQuery query) {
                return on_cpu([services, fields, reports, checkpoints, query = std::move(query)] {
                  return page_of(listed(services, *reports, *checkpoints, query.caller.tenant), fields, query);
                });
              },
          .get =
              [services](Caller caller, std::string id) {
                return on_cpu(
                    [services, tenant = std::move(caller.tenant), id = std::move(id)]() -> std::optional<JsonObject> {
                      if (const auto run = find(services, tenant, id, ".run")) return run_of(services, tenant, *run);
                      if (const auto report = find(services, tenant, id, ".json")) return whole_of(*report);
                      const auto checkpoint = find(services, tenant, id, ".jsonl");
                      return checkpoint ? std::optional(checkpoint_view(*checkpoint)) : std::nullopt;
                    });
              }};
}

}  // namespace dspy::server
