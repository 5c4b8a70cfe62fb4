#include "dspy/server/resources/runs.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/evaluate/comparison.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/report.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "server/stored/files/file_cache.hpp"
#include "server/stored/files/file_time.hpp"
#include "server/stored/stored.hpp"

#include <chrono>
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

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 30;

JsonObject read_run(const WorkspaceEntry& entry) {
  auto json = parse_json(read_text(entry.path, most_bytes));
  if (!json || !json->is_object())
    throw Error(Errc::bad_input, std::format("the run `{}` does not contain evaluation results", entry.id));
  return std::move(json->get_object());
}

/// Without its examples.
JsonObject summary_of(const WorkspaceEntry& entry, const JsonObject& run) {
  JsonObject out{{"id", entry.id}};
  for (const auto* const name : {"program", "dataset", "metric", "score", "interval", "n", "done", "failures",
                                 "seconds", "usage", "requests", "created_at"}) {
    if (const auto* const value = run.if_contains(name)) out[name] = *value;
  }
  if (!out.contains("created_at")) out["created_at"] = changed_at(entry.path);
  out["state"] = run.contains("stopped") ? "stopped" : "done";
  return out;
}

/// One example as the API shows it: what it was asked, what is right, and what came.
JsonObject example_of(const JsonObject& row) {
  JsonObject out;
  for (const auto* const name :
       {"index", "score", "outputs", "feedback", "error", "seconds", "usage", "objectives", "flags", "probabilities"}) {
    if (const auto* const value = row.if_contains(name)) out[name] = *value;
  }
  const auto* const example = row.if_contains("example");
  const auto* const keys = row.if_contains("inputs");
  if (example == nullptr || !example->is_object()) return out;
  JsonObject inputs;
  auto expected = example->get_object();
  if (keys != nullptr && keys->is_array()) {
    for (const auto& key : keys->get_array()) {
      if (!key.is_string()) continue;
      const auto* const value = example->get_object().if_contains(view(key.get_string()));
      if (value != nullptr) inputs[view(key.get_string())] = *value;
      expected.erase(view(key.get_string()));
    }
  }
  out["inputs"] = std::move(inputs);
  out["expected"] = std::move(expected);
  return out;
}

JsonObject whole_of(const WorkspaceEntry& entry, const JsonObject& run) {
  auto out = summary_of(entry, run);
  JsonArray examples;
  if (const auto* const rows = run.if_contains("rows"); rows != nullptr && rows->is_array()) {
    for (const auto& row : rows->get_array()) {
      if (row.is_object()) examples.push_back(example_of(row.get_object()));
    }
  }
  out["examples"] = std::move(examples);
  if (const auto* const errors = run.if_contains("errors")) out["errors"] = *errors;
  return out;
}

std::optional<WorkspaceEntry> find(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  auto path = services.workspace.path(tenant, "runs", id, ".json");
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  return WorkspaceEntry{.id = id, .path = std::move(path)};
}

EvaluationResult load(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  const auto entry = find(services, tenant, id);
  if (!entry) throw not_there("runs", id);
  return evaluation_from_json(read_run(*entry));
}

}  // namespace

std::string keep_run(const Workspace& workspace, std::string_view tenant, std::string id,
                     const EvaluationResult& result, const RunInfo& info) {
  const auto now = std::chrono::system_clock::now();
  if (id.empty())
    id =
        std::format("{:%Y%m%d-%H%M%S}-{}", std::chrono::floor<std::chrono::seconds>(now), draw_trace_id().substr(0, 6));
  const auto path = workspace.path(tenant, "runs", id, ".json");
  std::filesystem::create_directories(path.parent_path());
  if (std::filesystem::exists(path))
    throw Error(Errc::bad_input, std::format("there is a run `{}` already; name another one", id));
  auto written = to_json(result);
  if (!info.program.empty()) written["program"] = info.program;
  if (!info.dataset.empty()) written["dataset"] = info.dataset;
  written["created_at"] = iso_time(now);
  replace_file(path, to_text(written) + "\n");
  return id;
}

JsonObject compare_runs(const EvaluationResult& a, const EvaluationResult& b) {
  const auto compared = compare(a, b);
  JsonArray flips;
  for (const auto* const side : {&compared.better, &compared.worse}) {
    for (const auto& flip : *side) {
      flips.push_back(JsonObject{
          {"index", flip.index}, {"a", flip.a}, {"b", flip.b}, {"inputs", a.rows.at(flip.index).example.inputs()}});
    }
  }
  return {{"a", compared.a},
          {"b", compared.b},
          {"n", compared.n},
          {"difference", compared.difference},
          {"interval", {{"low", compared.interval.low}, {"high", compared.interval.high}}},
          {"confidence", compared.confidence},
          {"test", compared.test},
          {"p_value", compared.p_value},
          {"flips", std::move(flips)}};
}

Resource runs_resource(const ResourceServices& services) {
  std::vector<ResourceField> fields = {
      {.name = "id", .is_sortable = true, .is_searchable = true},
      {.name = "program", .is_sortable = true, .is_searchable = true},
      {.name = "dataset", .is_sortable = true, .is_searchable = true},
      {.name = "metric", .is_sortable = true, .is_searchable = true},
      {.name = "score", .type = "float", .title = "Score in percent", .is_sortable = true},
      {.name = "interval", .type = "json"},
      {.name = "n", .type = "int", .title = "Examples", .is_sortable = true},
      {.name = "failures", .type = "int", .is_sortable = true},
      {.name = "seconds", .type = "float", .is_sortable = true},
      {.name = "created_at", .type = "datetime", .is_sortable = true},
      {.name = "state"}};
  const auto known =
      std::make_shared<FileCache>([](const WorkspaceEntry& entry) { return summary_of(entry, read_run(entry)); });
  return {
      .name = "runs",
      .title = "Evaluations",
      .fields = fields,
      .relations = {{.field = "program", .to = "programs"}, {.field = "dataset", .to = "datasets"}},
      .actions = {{.name = "compare",
                   .title = "Compare with another",
                   .inputs = "other: str",
                   .scope = "runs:read",
                   .run =
                       [services](ActionCall call) {
                         return on_cpu([services, call = std::move(call)]() -> Json {
                           const auto a = load(services, call.caller.tenant, call.id);
                           return compare_runs(a, load(services, call.caller.tenant, text_input(call.inputs, "other")));
                         });
                       }}},
      .list =
          [services, fields, known](ResourceQuery query) {
            return on_cpu([services, fields, known, query = std::move(query)]() mutable {
              if (query.sort.empty()) {
                query.sort = "created_at";
                query.descending = true;
              }
              return page_of(known->all(services.workspace.list(query.caller.tenant, "runs", ".json")), fields, query);
            });
          },
      .get =
          [services](Caller caller, std::string id) {
            return on_cpu(
                [services, tenant = std::move(caller.tenant), id = std::move(id)]() -> std::optional<JsonObject> {
                  const auto entry = find(services, tenant, id);
                  return entry ? std::optional(whole_of(*entry, read_run(*entry))) : std::nullopt;
                });
          }};
}

}  // namespace dspy::server
