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

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// A word that stands in all that the tenant `a` has, and nowhere else.
const std::string mark = "zebrafinch";

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
Json body_for(const Route& route) {
  if (route.method != "POST") return {};
  JsonObject out;
  const auto* const schema = route.document.request.if_object();
  if (schema == nullptr) return out;
  for (const auto& each : schema->at("properties").as_object()) {
    if (const auto* const value = plausible_body.as_object().if_contains(each.key())) out[each.key()] = *value;
  }
  return out;
}

}  // namespace

TEST_CASE("every endpoint wants a key that is right, valid, and may do it") {
  Fixture fixture;
  const auto expired =
      std::string(fixture.services.keys
                      ->create({.name = "e", .tenant = "a", .scopes = {"*"}, .expires_at = fixture.clock.wall() + 1s})
                      .secret.reveal());
  fixture.clock.advance(2s);
  const auto lesser = fixture.key("a", {"model:nothing"});
  for (const auto& route : fixture.all()) {
    const auto target = fixture.target(route);
    CAPTURE(route.method);
    CAPTURE(target);
    fixture.clock.advance(1min);  // failures are limited
    CHECK(test::ask(fixture.routes, route.method, target, body_for(route)).status == 401);
    CHECK(test::ask(fixture.routes, route.method, target, body_for(route), "dspy_wrong").status == 401);
    CHECK(test::ask(fixture.routes, route.method, target, body_for(route), expired).status == 401);
    CHECK(test::ask(fixture.routes, route.method, target, body_for(route), lesser).status == 403);
    const auto other = fixture.key("a", {route.scope == "keys:read" ? "keys:write" : "keys:read"});
    CHECK(test::ask(fixture.routes, route.method, target, body_for(route), other).status == 403);
  }
}

TEST_CASE("another tenant finds nothing, changes nothing, and cannot tell that there is something") {
  Fixture fixture;
  for (const auto& route : fixture.all()) {
    const auto target = fixture.target(route);
    // `import` makes the dataset where there is none: in the caller's own tenant.
    if (target.ends_with("/import")) continue;
    const auto answer = test::ask(fixture.routes, route.method, target, body_for(route), fixture.key_b);
    CAPTURE(route.method);
    CAPTURE(target);
    CAPTURE(answer.text);
    if (route.path.contains("{id}")) {
      const auto unknown =
          test::ask(fixture.routes, route.method, fixture.target(route, "unknown-id"), body_for(route), fixture.key_b);
      CHECK((answer.status == 404 || answer.status == 400));
      CHECK(answer.status == unknown.status);
    } else if (route.method == "GET") {
      CHECK(answer.status == 200);
      const auto* const items = answer.object().if_contains("items");
      if (items == nullptr || target == "/api/keys") continue;
      CHECK(items->as_array().empty());
    }
  }
  const auto keys = test::ask(fixture.routes, "GET", "/api/keys", {}, fixture.key_b);
  for (const auto& item : keys.object().at("items").as_array()) CHECK(item.at("tenant").as_string() == "b");

  // All of it is still there for its owner.
  for (const auto& resource : fixture.table.all()) {
    CAPTURE(resource->name);
    const auto list = test::ask(fixture.routes, "GET", "/api/" + resource->name, {}, fixture.key_a);
    CHECK(list.object().at("items").as_array().size() >= 1);
    if (resource->get && resource->name != "agents" && resource->name != "indexes")
      CHECK(test::ask(fixture.routes, "GET", "/api/" + resource->name + "/" + fixture.ids.at(resource->name), {},
                      fixture.key_a)
                .status == 200);
  }
  CHECK(fixture.folder.read("tenants/a/datasets/" + mark + ".jsonl") == "{\"x\":\"" + mark + "\"}\n");
}

TEST_CASE("no name leads out of the workspace") {
  Fixture fixture;
  fixture.folder.write("outside.jsonl", "{\"secret\":\"outside\"}\n");
  fixture.folder.write("tenants/outside.json", "{\"secret\":\"outside\"}");
  for (const std::string name : {"..", "../outside", "../../outside", "/etc/passwd", ".hidden", "a/b", "a\\b", "%2e%2e",
                                 "", "x\n", "CON:", "~root", "*", "../../../a/datasets/zebrafinch"}) {
    for (const auto& route : fixture.all()) {
      if (!route.path.contains("{id}") || name.empty()) continue;
      const auto answer =
          test::ask(fixture.routes, route.method, fixture.target(route, name), body_for(route), fixture.key_b);
      CAPTURE(route.path);
      CAPTURE(name);
      CHECK(answer.status >= 400);
      CHECK(answer.status < 500);
      CHECK_FALSE(answer.text.contains("outside\""));
    }
    const auto imported =
        test::ask(fixture.routes, "POST", "/api/datasets/import", {{"name", name}, {"text", "{}"}}, fixture.key_b);
    CHECK(imported.status == 400);
    CHECK(
        test::ask(fixture.routes, "POST", "/api/experiments/start",
                  {{"name", name}, {"program", "p"}, {"metric", "m"}, {"arms", plausible_body.as_object().at("arms")}},
                  fixture.key_b)
            .status == 400);
    CHECK(test::ask(fixture.routes, "POST", "/api/traces/" + mark + "/to_dataset", {{"dataset", name}}, fixture.key_a)
              .status == 400);
  }
}

TEST_CASE("hostile text in every field stays text, and no answer holds a secret") {
  Fixture fixture;
  const std::vector<std::string> hostile = {"'; DROP TABLE traces; --",
                                            "\" OR \"\"=\"",
                                            "<script>alert(1)</script>",
                                            "\x01\x7f",
                                            "${jndi:ldap://x}",
                                            "%00",
                                            "{{7*7}}",
                                            "\xff\xfe",
                                            std::string(10'000, 'x')};
  std::vector<std::string> answers;
  for (const auto& text : hostile) {
    for (const auto& route : fixture.all()) {
      auto body = body_for(route);
      if (body.is_object()) {
        for (auto& each : body.get_object()) {
          if (each.value().is_string()) each.value() = text;
        }
      }
      const auto answer = test::ask(fixture.routes, route.method, fixture.target(route), body, fixture.key_a);
      CAPTURE(route.path);
      CAPTURE(answer.text);
      CHECK(answer.status < 500);
      answers.push_back(answer.text);
    }
    for (const auto& resource : fixture.table.all()) {
      for (const auto* const name : {"q", "sort", "limit", "cursor", "id", "name", "program", "status", "since"}) {
        HttpRequest request{.path = "/api/" + resource->name, .query = {{name, text}}};
        request.headers.add("x-api-key", fixture.key_a);
        const auto response = wait(fixture.routes.answer(std::move(request)));
        CHECK(response.status < 500);
        answers.push_back(response.body);
      }
    }
  }
  CHECK_NOTHROW(fixture.services.traces->list({.tenant = "a"}));
  for (const auto& answer : answers) {
    CHECK_FALSE(answer.contains(fixture.key_a.substr(18)));
    CHECK_FALSE(answer.contains(fixture.key_b.substr(18)));
    CHECK_FALSE(answer.contains(fixture.folder.path.string()));
  }
}

TEST_CASE("every scope that an endpoint needs is known, so that a key can be made with it") {
  Fixture fixture;
  fixture.services.jobs = {
      .list = [](Caller) -> Async<std::vector<JsonObject>> { co_return std::vector<JsonObject>(); }};
  fixture.services.optimizations =
      std::make_shared<OptimizationRunner>(Workspace(fixture.folder.path), OptimizationOptions());
  for (const auto& scope : standard_resources(fixture.services).scopes()) {
    CAPTURE(scope);
    CHECK_NOTHROW(require_known_scopes({scope}));
  }
  CHECK_NOTHROW(require_known_scopes({"own:read"}, {"own:read"}));
}

TEST_CASE("a key that is made has the bounds of its maker, and none takes a greater one back") {
  Fixture fixture;
  const auto create = [&](const JsonObject& body, const std::string& maker) {
    return test::ask(fixture.routes, "POST", "/api/keys/create", body, maker);
  };
  const auto made = fixture.services.keys->create({.name = "m",
                                                   .tenant = "a",
                                                   .scopes = {"keys:write", "invoke", "model:qa*"},
                                                   .models = {"q*"},
                                                   .limits = {.tokens_per_day = 10},
                                                   .expires_at = fixture.clock.wall() + 1h});
  const std::string maker(made.secret.reveal());
  const auto plain = create({{"name", "n"}, {"scopes", {"invoke"}}}, maker);
  REQUIRE(plain.status == 200);
  const auto id = std::string(plain.object().at("key").at("id").as_string());
  const auto key = fixture.services.keys->find("a", id);
  REQUIRE(key);
  CHECK(key->scopes == std::vector<std::string>{"invoke", "model:qa*"});
  CHECK(key->models == std::vector<std::string>{"q*"});
  CHECK(key->limits == made.key.limits);
  CHECK(key->family == made.key.family);  // they spend together
  CHECK(key->expires_at == made.key.expires_at);
  CHECK(create({{"name", "n"}, {"scopes", {"invoke", "model:qa1"}}, {"models", {"qa"}}}, maker).status == 200);
  CHECK(create({{"name", "n"}, {"scopes", {"invoke", "model:*"}}}, maker).status == 403);
  CHECK(create({{"name", "n"}, {"scopes", {"invoke"}}, {"models", {"*"}}}, maker).status == 403);
  CHECK(create({{"name", "n"}, {"scopes", {"invoke"}}, {"tokens_per_day", 11}}, maker).status == 403);
  CHECK(create({{"name", "n"}, {"scopes", {"invoke"}}, {"expires_at", "2200-01-01T00:00:00Z"}}, maker).status == 403);
  CHECK(create({{"name", "n"}, {"scopes", {"*"}}}, maker).status == 403);
  CHECK(create({{"name", "n"}, {"scopes", {"nonsense"}}}, fixture.key_a).status == 400);
  const auto star = fixture.key_a.substr(5, 12);
  CHECK(test::ask(fixture.routes, "POST", "/api/keys/" + star + "/revoke", JsonObject(), maker).status == 403);
  CHECK(test::ask(fixture.routes, "POST", "/api/keys/" + id + "/revoke", JsonObject(), maker).status == 200);
}

TEST_CASE("the content of a trace is for who may read traces, whatever the route") {
  Fixture fixture;
  REQUIRE(fixture.services.traces->flush(5s));
  const auto writer = fixture.key("a", {"datasets:write", "datasets:read", "invoke"});
  const auto path = "/api/traces/" + mark;
  CHECK(test::ask(fixture.routes, "POST", path + "/to_dataset", {{"dataset", "d"}}, writer).status == 403);
  CHECK(test::ask(fixture.routes, "POST", path + "/replay", JsonObject(), writer).status == 403);
  CHECK(test::ask(fixture.routes, "POST", path + "/to_dataset", {{"dataset", "d"}}, fixture.key_a).status == 200);
  CHECK(test::ask(fixture.routes, "GET", "/api/traces?status=bogus", {}, fixture.key_a).status == 400);
  const JsonObject judged{{"trace_id", mark}, {"name", "n"}, {"score", 1}, {"comment", 5}};
  CHECK(test::ask(fixture.routes, "POST", "/v1/feedback", judged, fixture.key_a).status == 400);
}

TEST_CASE("a key gives no more than it has, and its secret is told once") {
  Fixture fixture;
  const auto manager = fixture.key("a", {"keys:write", "keys:read", "traces:read"});
  const auto made = test::ask(fixture.routes, "POST", "/api/keys/create",
                              {{"name", "n"}, {"scopes", {"traces:read"}}, {"usd_per_day", 2.5}}, manager);
  REQUIRE(made.status == 200);
  const auto secret = std::string(made.object().at("secret").as_string());
  CHECK(made.object().at("key").at("tenant").as_string() == "a");
  CHECK(made.object().at("key").at("budget").at("usd_per_day").to_number<double>() == 2.5);
  CHECK(test::ask(fixture.routes, "GET", "/api/traces", {}, secret).status == 200);
  CHECK(test::ask(fixture.routes, "POST", "/api/keys/create", {{"name", "n"}, {"scopes", {"*"}}}, manager).status ==
        403);
  CHECK(test::ask(fixture.routes, "POST", "/api/keys/create", {{"name", "n"}, {"scopes", {"datasets:write"}}}, manager)
            .status == 403);
  const auto star = fixture.key_a.substr(5, 12);
  CHECK(test::ask(fixture.routes, "POST", "/api/keys/" + star + "/rotate", JsonObject(), manager).status == 403);
  CHECK_FALSE(test::ask(fixture.routes, "GET", "/api/keys", {}, manager).text.contains(secret.substr(18)));
  const auto id = std::string(made.object().at("key").at("id").as_string());
  CHECK(test::ask(fixture.routes, "POST", "/api/keys/" + id + "/revoke", JsonObject(), manager).status == 200);
  CHECK(test::ask(fixture.routes, "GET", "/api/traces", {}, secret).status == 401);
}
