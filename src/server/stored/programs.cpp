#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/evaluate/report.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/promotion.hpp"
#include "dspy/registry/registry.hpp"
#include "dspy/registry/semantic_version.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/signature.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

/// The tenant's registry; nothing if it has none yet.
std::optional<std::filesystem::path> registry_file(const ResourceServices& services, const std::string& tenant) {
  auto path = tenant.empty() && !services.registry.empty() ? services.registry
                                                           : services.workspace.of(tenant) / "registry.sqlite";
  std::error_code code;
  return std::filesystem::is_regular_file(path, code) ? std::optional(std::move(path)) : std::nullopt;
}

/// Throws 404 unless the tenant has a program of that name.
std::filesystem::path require(const ResourceServices& services, const std::string& tenant, const std::string& name) {
  const auto path = registry_file(services, tenant);
  if (path && std::ranges::contains(Registry(*path).names(), name)) return *path;
  throw not_there("programs", name);
}

JsonObject aliases_of(const Registry& registry, const std::string& name) {
  JsonObject out;
  for (const auto& [alias, number] : registry.aliases(name)) out[alias] = number;
  return out;
}

JsonObject described(const ProgramVersion& version) {
  JsonObject out{{"number", version.number},
                 {"version", to_string(version.version)},
                 {"digest", version.digest},
                 {"created_at", iso_time(version.created_at)}};
  if (version.parent) out["parent"] = *version.parent;
  const auto& lineage = version.lineage;
  if (lineage.score) out["score"] = *lineage.score;
  if (!lineage.metric.empty()) out["metric"] = lineage.metric;
  if (!lineage.optimizer.empty()) out["optimizer"] = lineage.optimizer;
  if (!lineage.data.empty()) out["data"] = lineage.data;
  if (lineage.examples != 0) out["examples"] = lineage.examples;
  if (lineage.requests != 0) out["requests"] = lineage.requests;
  if (lineage.tokens != 0) out["tokens"] = lineage.tokens;
  return out;
}

JsonObject summary_of(const Registry& registry, const std::string& name) {
  const auto versions = registry.versions(name);
  JsonObject out{{"id", name}, {"name", name}, {"versions", versions.size()}};
  if (!versions.empty()) {
    const auto& newest = versions.back();
    out["version"] = to_string(newest.version);
    out["number"] = newest.number;
    if (newest.lineage.score) out["score"] = *newest.lineage.score;
    out["changed_at"] = iso_time(newest.created_at);
  }
  out["aliases"] = aliases_of(registry, name);
  return out;
}

JsonObject whole_of(const Registry& registry, const std::string& name) {
  auto out = summary_of(registry, name);
  JsonArray versions;
  for (const auto& version : registry.versions(name)) versions.push_back(described(version));
  JsonArray history;
  for (const auto& event : registry.history(name)) {
    JsonObject line{{"at", iso_time(event.at)}, {"reason", event.reason}};
    if (!event.alias.empty()) line["alias"] = event.alias;
    if (event.from) line["from"] = *event.from;
    if (event.to) line["to"] = *event.to;
    history.push_back(std::move(line));
  }
  out["versions"] = std::move(versions);
  out["history"] = std::move(history);
  return out;
}

ProgramVersion version_of(const Registry& registry, const std::string& name, const std::string& which) {
  const bool is_alias = which.starts_with('@');
  return registry.find(std::format("{}{}{}", name, is_alias ? "" : ":", which));
}

JsonObject prompt_of(const SavedPredictor& predictor) {
  JsonArray demos;
  for (const auto& demo : predictor.demos) demos.push_back(demo);
  return {{"instructions", predictor.signature.instructions}, {"demos", std::move(demos)}};
}

/// Inputs, outputs and prompts of two versions.
Json compared(const ResourceServices& services, const ActionCall& call) {
  const Registry registry(require(services, call.caller.tenant, call.id));
  const auto a = version_of(registry, call.id, text_input(call.inputs, "a"));
  const auto b = version_of(registry, call.id, text_input(call.inputs, "b"));
  const auto one = registry.load(a);
  const auto other = registry.load(b);
  JsonArray changes;
  const auto said = attempt([&] { return interface_changes(interface_of(one), interface_of(other)); });
  if (said) {
    for (const auto& each : *said) changes.push_back(JsonString(each));
  }
  JsonArray predictors;
  for (const auto& predictor : one.predictors) {
    const auto* const match = other.find(predictor.path);
    const bool is_same = match != nullptr && match->demos == predictor.demos &&
                         match->signature.instructions == predictor.signature.instructions;
    JsonObject line{{"path", predictor.path}, {"a", prompt_of(predictor)}, {"same", is_same}};
    if (match != nullptr) line["b"] = prompt_of(*match);
    predictors.push_back(std::move(line));
  }
  for (const auto& predictor : other.predictors) {
    if (one.find(predictor.path) == nullptr)
      predictors.push_back(JsonObject{{"path", predictor.path}, {"b", prompt_of(predictor)}, {"same", false}});
  }
  return Json{{"a", described(a)}, {"b", described(b)}, {"changes", changes}, {"predictors", predictors}};
}

EvaluationResult run_of(const ResourceServices& services, const std::string& tenant, const std::string& id) {
  const auto path = services.workspace.path(tenant, "runs", id, ".json");
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) throw not_there("runs", id);
  const auto json = parse_json(read_text(path, std::uintmax_t{1} << 30));
  if (!json || !json->is_object())
    throw Error(Errc::bad_input, std::format("the run `{}` does not contain evaluation results", id));
  return evaluation_from_json(json->get_object());
}

/// Moves an alias: through the gates if runs are given, otherwise directly.
Json promoted(const ResourceServices& services, const ActionCall& call) {
  const auto& tenant = call.caller.tenant;
  Registry registry(require(services, tenant, call.id));
  const auto alias = text_input(call.inputs, "alias");
  const auto to = version_of(registry, call.id, text_input(call.inputs, "version")).number;
  const auto champion = optional_text(call.inputs, "champion_run");
  const auto challenger = optional_text(call.inputs, "challenger_run");
  if (champion.has_value() != challenger.has_value())
    throw Error(Errc::bad_input, "gates need both `champion_run` and `challenger_run`");
  JsonArray gates;
  bool is_moved = true;
  if (champion) {
    for (const auto& gate : promote(registry, call.id, to, alias, run_of(services, tenant, *champion),
                                    run_of(services, tenant, *challenger))) {
      is_moved = is_moved && gate.is_passed;
      gates.push_back(JsonObject{{"gate", gate.gate}, {"passed", gate.is_passed}, {"text", gate.text}});
    }
  } else {
    const auto expected = optional_number(call.inputs, "expected");
    const auto now = registry.alias(call.id, alias);
    if (expected && now != static_cast<std::int64_t>(*expected))
      throw HttpError(
          409, Errc::bad_input,
          std::format("`{}@{}` {} and not version {}: it was moved in the meantime; check before you move it", call.id,
                      alias, now ? std::format("names version {}", *now) : "names nothing",
                      static_cast<std::int64_t>(*expected)));
    const auto moved = attempt([&] {
      registry.move_alias(call.id, alias, now, to, optional_text(call.inputs, "reason").value_or("promoted"));
    });
    // Between the look and the move somebody else was quicker.
    if (!moved && moved.error().code() == Errc::config_error)
      throw HttpError(409, Errc::bad_input, moved.error().what());
    if (!moved) throw moved.error();
  }
  if (is_moved) tell(services, tenant, "programs", call.id, "updated");
  return Json{{"alias", alias}, {"version", to}, {"promoted", is_moved}, {"gates", gates}};
}

Json rolled_back(const ResourceServices& services, const ActionCall& call) {
  Registry registry(require(services, call.caller.tenant, call.id));
  const auto alias = text_input(call.inputs, "alias");
  if (!registry.alias(call.id, alias))
    throw HttpError(404, Errc::bad_input, std::format("`{}` has no alias `{}`", call.id, alias.substr(0, 100)));
  const auto steps = optional_number(call.inputs, "steps").value_or(1);
  if (!(steps >= 1 && steps <= 1'000)) throw Error(Errc::bad_input, "`steps` is 1 to 1000", {.invalid = {"steps"}});
  const auto to = registry.rollback(call.id, alias, static_cast<int>(steps),
                                    optional_text(call.inputs, "reason").value_or("rollback"));
  tell(services, call.caller.tenant, "programs", call.id, "updated");
  return Json{{"alias", alias}, {"version", to}};
}

}  // namespace

Resource programs_resource(const ResourceServices& services) {
  const auto with_call = [services](Json (*work)(const ResourceServices&, const ActionCall&)) {
    return [services, work](ActionCall call) {
      return on_cpu([services, work, call = std::move(call)] { return work(services, call); });
    };
  };
  std::vector<ResourceField> fields = {
      {.name = "id"},
      {.name = "name", .is_sortable = true, .is_searchable = true},
      {.name = "versions", .type = "int", .is_sortable = true},
      {.name = "version", .title = "Newest version"},
      {.name = "score", .type = "float", .is_sortable = true},
      {.name = "aliases", .type = "json", .is_searchable = true},
      {.name = "changed_at", .type = "datetime", .title = "Changed", .is_sortable = true}};
  return {
      .name = "programs",
      .fields = fields,
      .actions = {{.name = "promote",
                   .inputs = "alias: str, version: str, expected: Optional[int], reason: Optional[str], champion_run: "
                             "Optional[str], challenger_run: Optional[str]",
                   .needs_confirmation = true,
                   .scope = "programs:promote",
                   .run = with_call(promoted)},
                  {.name = "rollback",
                   .title = "Roll back",
                   .inputs = "alias: str, steps: Optional[int], reason: Optional[str]",
                   .needs_confirmation = true,
                   .scope = "programs:promote",
                   .run = with_call(rolled_back)},
                  {.name = "compare",
                   .title = "Compare two versions",
                   .inputs = "a: str, b: str",
                   .scope = "programs:read",
                   .run = with_call(compared)}},
      .list =
          [services, fields](ResourceQuery query) {
            return on_cpu([services, fields, query = std::move(query)] {
              std::vector<JsonObject> items;
              if (const auto path = registry_file(services, query.caller.tenant)) {
                const Registry registry(*path);
                for (const auto& name : registry.names()) items.push_back(summary_of(registry, name));
              }
              return page_of(std::move(items), fields, query);
            });
          },
      .get =
          [services](Caller caller, std::string id) {
            return on_cpu(
                [services, tenant = std::move(caller.tenant), id = std::move(id)]() -> std::optional<JsonObject> {
                  const auto path = registry_file(services, tenant);
                  if (!path) return std::nullopt;
                  const Registry registry(*path);
                  if (!std::ranges::contains(registry.names(), id)) return std::nullopt;
                  return whole_of(registry, id);
                });
          }};
}

}  // namespace dspy::server
