#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "server/stored/checkpoint_view.hpp"
#include "server/stored/file_cache.hpp"
#include "server/stored/file_time.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// A run of an optimizer is `optimizations/<id>.json`, the report of one that ended (`to_json(optimize::Report)`, as
// `dspy optimize --json` prints it), or `optimizations/<id>.jsonl`, the checkpoint of one that has not.

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 30;

void copy(const JsonObject& from, std::string_view name, JsonObject& to, std::string_view as = {}) {
  if (const auto* const value = from.if_contains(name)) to[as.empty() ? name : as] = *value;
}

JsonObject read_report(const WorkspaceEntry& entry) {
  auto json = parse_json(read_text(entry.path, most_bytes));
  if (!json || !json->is_object() || !json->get_object().contains("candidates"))
    throw Error(Errc::bad_input, std::format("`{}` is no report of an optimizer", entry.id));
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
          .list =
              [services, fields, reports, checkpoints](ResourceQuery query) {
                return on_cpu([services, fields, reports, checkpoints, query = std::move(query)] {
                  const auto& tenant = query.caller.tenant;
                  auto items = reports->all(services.workspace.list(tenant, "optimizations", ".json"));
                  for (auto& item : checkpoints->all(services.workspace.list(tenant, "optimizations", ".jsonl")))
                    items.push_back(std::move(item));
                  return page_of(std::move(items), fields, query);
                });
              },
          .get =
              [services](Caller caller, std::string id) {
                return on_cpu(
                    [services, tenant = std::move(caller.tenant), id = std::move(id)]() -> std::optional<JsonObject> {
                      if (const auto report = find(services, tenant, id, ".json")) return whole_of(*report);
                      const auto checkpoint = find(services, tenant, id, ".jsonl");
                      return checkpoint ? std::optional(checkpoint_view(*checkpoint)) : std::nullopt;
                    });
              }};
}

}  // namespace dspy::server
