#include "dspy/agents/openapi/openapi.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/simulated_transport.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace {

using namespace dspy;

Json document() {
  return *parse_json(R"({"openapi": "3.0.3", "servers": [{"url": "https://pets.example/v1/"}], "paths": {
    "/pets/{id}": {
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
      "get": {"operationId": "getPet", "summary": "A pet.", "parameters": [
        {"name": "fields", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}}]},
      "put": {"summary": "Changes a pet.", "requestBody": {"required": true, "content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/Pet"}}}}}}},
    "components": {"schemas": {
      "Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": true, "nullable": true},
        "mother": {"$ref": "#/components/schemas/Pet"}}},
      "Unused": {"type": "string"}}}})");
}

TEST_CASE("operations are tools, and their arguments stay in their places") {
  const auto server = std::make_shared<http::SimulatedTransport>();
  server->reply({.body = R"({"name": "Rex"})"});
  server->reply({.status = 404, .body = "no such pet"});
  const auto tools = openapi_tools(document(), server, {.credentials = {{"Authorization", "Bearer ", Secret("key")}}});
  REQUIRE(tools.names() == std::vector<std::string>{"getPet", "put_pets__id_"});
  const auto& get = *tools.find("getPet");
  CHECK(get.options().idempotent);
  CHECK_FALSE(get.options().needs_approval);

  CHECK(get({{"id", "a/../b?x"}, {"fields", {"n", "a&b"}}, {"X-Trace", "7"}}).value.at("name") == "Rex");
  const auto asked = server->requests();
  CHECK(asked[0].method == "GET");
  CHECK(asked[0].url == "https://pets.example/v1/pets/a%2F..%2Fb%3Fx?fields=n&fields=a%26b");
  CHECK(asked[0].headers.find("x-trace") == "7");
  const auto missing = get({{"id", "9"}});
  CHECK(missing.is_error);
  CHECK(observation(missing) == "HTTP status 404: no such pet");
  CHECK(get({{"id", ".."}}).is_error);
  CHECK(get({{"id", "1"}, {"X-Trace", "a\r\nHost: evil"}}).is_error);
  CHECK(get(JsonObject()).is_error);
  CHECK(server->requests().size() == 2);
}

TEST_CASE("bodies are checked by their schemas, which may be recursive") {
  const auto server = std::make_shared<http::SimulatedTransport>();
  server->reply({.status = 204});
  const auto tools = openapi_tools(document(), server);
  const auto& put = *tools.find("put_pets__id_");
  CHECK(put.options().needs_approval);
  CHECK(put.definition().parameters.at("$defs").as_object().size() == 1);
  CHECK(put({{"id", "1"}, {"body", {{"name", "Rex"}, {"age", 0}}}}).is_error);
  CHECK(put({{"id", "1"}, {"body", {{"name", "Rex"}, {"mother", {{"age", 3}}}}}}).is_error);
  const auto changed = put(R"({"id": "1", "body": {"name": "Rex", "age": null, "mother": {"name": "Lea"}}})");
  CHECK_MESSAGE(!changed.is_error, observation(changed));
  REQUIRE(server->requests().size() == 1);
  CHECK(server->requests()[0].body == R"({"name":"Rex","age":null,"mother":{"name":"Lea"}})");
}

TEST_CASE("documents that cannot be used are refused") {
  const auto server = std::make_shared<http::SimulatedTransport>();
  CHECK_THROWS_AS(openapi_tools(JsonObject{{"swagger", "2.0"}}, server), Error);
  CHECK_THROWS_AS(openapi_tools(document(), nullptr), Error);
  auto elsewhere = document();
  elsewhere.at("components").at("schemas").at("Pet") = JsonObject{{"$ref", "https://example.org/pet.json"}};
  CHECK_THROWS_AS(openapi_tools(elsewhere, server), Error);
  auto without_server = document();
  without_server.as_object().erase("servers");
  CHECK_THROWS_AS(openapi_tools(without_server, server), Error);
  CHECK(openapi_tools(without_server, server, {.base_url = "https://pets.example"}).size() == 2);
}

}  // namespace
