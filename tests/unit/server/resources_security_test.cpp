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
#include "two_tenants.hpp"

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
using namespace dspy::server::two_tenants;
using namespace std::chrono_literals;

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
