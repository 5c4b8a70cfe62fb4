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
