#include "dspy/server/resources/resource_table.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/routes.hpp"
#include "support/server_fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::server;

namespace {

std::vector<JsonObject> notes() {
  return {{{"id", "1"}, {"text", "buy milk"}, {"stars", 3}},
          {{"id", "2"}, {"text", "Call Ann"}, {"stars", 5}, {"tags", {"home", "soon"}}},
          {{"id", "3"}, {"text", "read"}}};
}

Async<ResourcePage> list(std::vector<ResourceField> fields, ResourceQuery query) {
  co_return page_of(notes(), fields, query);
}

Async<std::optional<JsonObject>> get(std::string id) {
  for (auto& note : notes()) {
    if (note.at("id").as_string() == id) co_return note;
  }
  co_return std::nullopt;
}

Async<Json> rate(ActionCall call) {
  co_return Json{{"id", call.id}, {"stars", call.inputs.at("stars")}};
}

/// A resource that is new to the server: one entry, and all else comes from it.
Resource notes_resource() {
  const std::vector<ResourceField> fields = {{.name = "id"},
                                             {.name = "text", .is_sortable = true, .is_searchable = true},
                                             {.name = "stars", .type = "int", .is_sortable = true},
                                             {.name = "tags", .type = "list[str]"}};
  return {.name = "notes",
          .fields = fields,
          .actions = {{.name = "rate", .inputs = "stars: int, why: Optional[str]", .run = rate}},
          .list = [fields](ResourceQuery query) { return list(fields, std::move(query)); },
          .get = [](const Caller& /*caller*/, std::string id) { return get(std::move(id)); }};
}

Async<Caller> reader() {
  co_return Caller{.key = "k", .scopes = {"notes:read"}};
}

std::vector<std::string> ids(const test::Answer& answer) {
  std::vector<std::string> out;
  for (const auto& item : answer.object().at("items").as_array()) out.emplace_back(item.at("id").as_string());
  return out;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a new resource is one entry: listed, shown, acted on, described and guarded") {
  ResourceTable table;
  table.add(notes_resource());
  Routes routes;
  routes.add(table.routes());

  CHECK(ids(test::ask(routes, "GET", "/api/notes")) == Ids{"1", "2", "3"});
  CHECK(ids(test::ask(routes, "GET", "/api/notes?sort=-stars")) == Ids{"2", "1", "3"});
  CHECK(ids(test::ask(routes, "GET", "/api/notes?q=ANN call")) == Ids{"2"});
  CHECK(ids(test::ask(routes, "GET", "/api/notes?tags=soon")) == Ids{"2"});
  CHECK(ids(test::ask(routes, "GET", "/api/notes?stars=3")) == Ids{"1"});
  const auto first = test::ask(routes, "GET", "/api/notes?limit=2");
  CHECK(first.object().at("total").to_number<int>() == 3);
  const auto cursor = std::string(first.object().at("next").as_string());
  const auto second = test::ask(routes, "GET", "/api/notes?limit=2&cursor=" + cursor);
  CHECK(ids(second) == Ids{"3"});
  CHECK(second.object().at("next").is_null());

  CHECK(test::ask(routes, "GET", "/api/notes/2").object().at("text").as_string() == "Call Ann");
  CHECK(test::ask(routes, "GET", "/api/notes/9").status == 404);
  CHECK(test::ask(routes, "POST", "/api/notes/2/rate", {{"stars", 4}}).object().at("stars").to_number<int>() == 4);

  const auto described =
      test::ask(routes, "GET", "/api/resources").object().at("resources").as_array().at(0).as_object();
  CHECK(described.at("title").as_string() == "Notes");
  CHECK(described.at("fields").as_array().size() == 4);
  const auto& action = described.at("actions").as_array().at(0).as_object();
  CHECK(action.at("on").as_string() == "one");
  CHECK(action.at("scope").as_string() == "notes:write");
  CHECK(action.at("inputs").as_array().at(0).at("schema").at("type").as_string() == "integer");
  CHECK(action.at("inputs").as_array().at(1).at("required").as_bool() == false);

  for (const auto& route : table.routes()) CHECK_FALSE(route.scope.empty());
  routes.set_authenticator([](const HttpRequest&) { return reader(); });
  CHECK(test::ask(routes, "GET", "/api/notes").status == 200);
  CHECK(test::ask(routes, "POST", "/api/notes/2/rate", {{"stars", 4}}).status == 403);
}

TEST_CASE("what a list or action does not take is an error that names it") {
  ResourceTable table;
  table.add(notes_resource());
  Routes routes;
  routes.add(table.routes());
  for (const auto* const target : {"/api/notes?sort=id", "/api/notes?colour=red", "/api/notes?limit=0",
                                   "/api/notes?limit=x", "/api/notes?limit=1001", "/api/notes?cursor=x",
                                   "/api/notes?cursor=0~2~-stars", "/api/notes?cursor=99999999999999999999~1~"}) {
    const auto answer = test::ask(routes, "GET", target);
    CAPTURE(target);
    CHECK(answer.status == 400);
    CHECK_FALSE(answer.object().at("error").at("message").as_string().empty());
  }
  CHECK(ids(test::ask(routes, "GET", "/api/notes?cursor=0~-5~")) == Ids{"1", "2", "3"});
  CHECK(ids(test::ask(routes, "GET", "/api/notes?cursor=0~500~")).empty());
  for (const auto& body : {Json(JsonObject{}), Json{{"stars", "many"}}, Json{{"stars", 1}, {"extra", 2}},
                           Json{{"stars", 1.5}}, Json{{"stars", nullptr}}, Json(JsonArray{})})
    CHECK(test::ask(routes, "POST", "/api/notes/1/rate", body).status == 400);
}

TEST_CASE("an entry that cannot be served is refused when it is added") {
  ResourceTable table;
  table.add(notes_resource());
  CHECK_THROWS_AS(table.add(notes_resource()), Error);
  const auto refused = [&](auto change) {
    auto resource = notes_resource();
    resource.name = "others";
    change(resource);
    CHECK_THROWS_AS(table.add(std::move(resource)), Error);
  };
  refused([](Resource& resource) { resource.name = "Other things"; });
  refused([](Resource& resource) { resource.name = "system"; });
  refused([](Resource& resource) { resource.list = {}; });
  refused([](Resource& resource) { resource.relations = {{.field = "owner", .to = "keys"}}; });
  refused([](Resource& resource) { resource.actions[0].inputs = "stars: nothing"; });
  refused([](Resource& resource) { resource.actions[0].run = {}; });
  refused([](Resource& resource) { resource.actions.push_back(resource.actions[0]); });
  CHECK(table.all().size() == 1);
}
