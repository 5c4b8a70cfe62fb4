#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/registry.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/keys/scopes.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/runs.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "support/folder.hpp"
#include "support/server_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

// A server with one thing of each kind of one tenant, and keys of two.

namespace dspy::server::two_tenants {

using namespace std::chrono_literals;

/// A word that stands in all that the tenant `a` has, and nowhere else.
inline const std::string mark = "zebrafinch";

/// A server with one thing of each kind that belongs to the tenant `a`.
struct Fixture {
  test::Folder folder;
  FakeClock clock;
  ResourceServices services{
      .workspace = Workspace(folder.path),
      .traces = std::make_shared<TraceStore>(folder.path / "traces.sqlite"),
      .keys = std::make_shared<KeyStore>(folder.path / "keys.sqlite", KeyStoreOptions{.clock = &clock})};
  ResourceTable table = standard_resources(services);
  Routes routes;
  std::string key_a = key("a", {"*"}), key_b = key("b", {"*"});
  std::map<std::string, std::string> ids;  ///< Of the one thing of each resource.

  Fixture() {
    routes.add(table.routes());
    routes.add(feedback_routes(services));
    routes.set_authenticator(services.keys->authenticator());
    fill();
  }

  std::string key(const std::string& tenant, std::vector<std::string> scopes) {
    return std::string(
        services.keys->create({.name = mark + tenant, .tenant = tenant, .scopes = std::move(scopes)}).secret.reveal());
  }

  void fill() {
    const auto home = services.workspace.of("a");
    const auto signature = Signature::parse("question -> answer").with_instructions(mark);
    const auto program = [&] {
      return Predictor(
          signature,
          {.lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: " + mark, "Answer: " + mark})});
    };
    with_context(Program(program()),
                 {.trace = services.traces->sink({.id = mark, .tenant = "a", .program = mark})})({{"question", mark}});
    std::filesystem::create_directories(home / "optimizations");
    std::filesystem::create_directories(home / "agents");
    std::filesystem::create_directories(home / "experiments");
    std::filesystem::create_directories(home / "indexes" / mark);
    {
      Registry registry(home / "registry.sqlite");
      registry.add(mark, to_program_file(Program(program())), {});
      registry.move_alias(mark, "production", {}, 1, mark);
    }
    folder.write("tenants/a/optimizations/" + mark + ".json", R"({"candidates":[],"optimizer":")" + mark + "\"}");
    folder.write("tenants/a/agents/" + mark + ".jsonl", "broken");
    folder.write(
        "tenants/a/experiments/" + mark + ".json",
        R"({"program":"p","metric":"m","arms":[{"name":"x","version":"1"},{"name":"y","version":"2"}],"state":"running"})");
    std::vector<Example> examples(2, Example({{"question", mark}, {"answer", mark}}, {"question"}));
    keep_run(services.workspace, "a", mark,
             Evaluate({.metric = metrics::exact_match("answer")})(Program(program()), examples), {.dataset = mark});
    const auto imported = test::ask(routes, "POST", "/api/datasets/import",
                                    {{"name", mark}, {"text", "{\"x\":\"" + mark + "\"}"}}, key_a);
    REQUIRE(imported.status == 200);
    const auto judged =
        test::ask(routes, "POST", "/v1/feedback", {{"trace_id", mark}, {"name", mark}, {"score", 1}}, key_a);
    REQUIRE(judged.status == 201);
    for (const auto& resource : table.all()) ids[resource->name] = mark;
    ids["keys"] = services.keys->list("a").front().id;
    ids["feedback"] = std::string(judged.object().at("id").as_string());
  }

  /// The path of a route with the id of the thing that there is, or with any other text.
  std::string target(const Route& route, const std::string& id = {}) const {
    auto path = route.path;
    const auto at = path.find("{id}");
    if (at == std::string::npos) return path;
    const auto resource = path.substr(5, path.find('/', 5) - 5);
    return path.replace(at, 4, id.empty() ? ids.at(resource) : id);
  }

  std::vector<Route> all() const {
    auto out = table.routes();
    for (auto& route : feedback_routes(services)) out.push_back(std::move(route));
    return out;
  }
};

/// A body with a value of the right type for every input of every action, so that it gets past the checks.
const Json plausible_body = {{"other", mark},
                             {"alias", "production"},
                             {"version", "1"},
                             {"a", "1"},
                             {"b", "1"},
                             {"dataset", mark},
                             {"name", "fresh"},
                             {"score", 1},
                             {"values", {{"x", "y"}}},
                             {"row", 0},
                             {"field", "x"},
                             {"value", 1},
                             {"text", "{}"},
                             {"program", mark},
                             {"metric", "m"},
                             {"query", mark},
                             {"scopes", {"traces:read"}},
                             {"trace_id", mark},
                             {"arms", {{{"name", "x"}, {"version", "1"}}, {{"name", "y"}, {"version", "2"}}}}};

/// What of it a route's action takes.
inline Json body_for(const Route& route) {
  if (route.method != "POST") return {};
  JsonObject out;
  const auto* const schema = route.document.request.if_object();
  if (schema == nullptr) return out;
  for (const auto& each : schema->at("properties").as_object()) {
    if (const auto* const value = plausible_body.as_object().if_contains(each.key())) out[each.key()] = *value;
  }
  return out;
}

}  // namespace dspy::server::two_tenants
