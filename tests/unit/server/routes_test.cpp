#include "dspy/server/routes.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/server/http.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::server;

namespace {

Handler says(std::string text) {
  return [text](HttpRequest request) -> Async<HttpResponse> {
    std::string body = text;
    for (const auto& [name, value] : request.parameters) body += " " + name + "=" + value;
    co_return HttpResponse{.body = body};
  };
}

Routes some() {
  Routes routes;
  routes.add({.path = "/v1/programs", .handler = says("list")});
  routes.add({.path = "/v1/programs/{name}", .handler = says("one")});
  routes.add({.method = "POST", .path = "/v1/programs/{name}", .handler = says("call")});
  routes.add({.method = "POST", .path = "/v1/programs/{name}:stream", .handler = says("stream")});
  routes.add({.path = "/v1/programs/special", .handler = says("special")});
  routes.add({.path = "/assets/{path...}", .handler = says("asset")});
  routes.add({.path = "/api/{resource}/{id}", .handler = says("item")});
  routes.add({.path = "/", .handler = says("root")});
  return routes;
}

HttpResponse ask(const Routes& routes, std::string method, std::string path) {
  return wait(routes.answer({.method = std::move(method), .path = std::move(path)}));
}

}  // namespace

TEST_CASE("the most literal route answers") {
  const auto routes = some();
  CHECK(ask(routes, "GET", "/").body == "root");
  CHECK(ask(routes, "GET", "/v1/programs").body == "list");
  CHECK(ask(routes, "GET", "/v1/programs/triage").body == "one name=triage");
  CHECK(ask(routes, "GET", "/v1/programs/special").body == "special");
  CHECK(ask(routes, "POST", "/v1/programs/special").body == "call name=special");
  CHECK(ask(routes, "POST", "/v1/programs/triage:stream").body == "stream name=triage");
  CHECK(ask(routes, "GET", "/assets/js/app.js").body == "asset path=js/app.js");
  CHECK(ask(routes, "GET", "/api/traces/17").body == "item id=17 resource=traces");
  CHECK(ask(routes, "HEAD", "/v1/programs").body == "list");
}

TEST_CASE("what is not there is 404, and a wrong method 405 with those there are") {
  const auto routes = some();
  CHECK(ask(routes, "GET", "/nothing").status == 404);
  CHECK(ask(routes, "GET", "/v1/programs/").status == 404);
  CHECK(ask(routes, "GET", "/v1/programs/a/b").status == 404);
  CHECK(ask(routes, "GET", "no-slash").status == 404);
  const auto wrong = ask(routes, "DELETE", "/v1/programs/triage");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.find("Allow") == "GET, POST");
  CHECK(wrong.body == R"({"error":{"message":"`/v1/programs/triage` takes GET or POST","type":"bad_input"}})");
  CHECK(ask(routes, "PUT", "/v1/programs/triage:stream").headers.find("Allow") == "GET, POST");
}

TEST_CASE("a path that cannot be read, or is there already, is refused") {
  Routes routes = some();
  for (const auto* path : {"", "x", "/a{b}", "/{a", "/{}", "/{a}b", "/{a}:", "/{a...}/b", "/{a-b}"}) {
    CAPTURE(path);
    CHECK_THROWS_AS(routes.add({.path = path, .handler = says("")}), Error);
  }
  CHECK_THROWS_AS(routes.add({.path = "/v1/programs/{other}", .handler = says("")}), Error);
  CHECK_THROWS_AS(routes.add({.method = "BREW", .path = "/coffee", .handler = says("")}), Error);
  CHECK_THROWS_AS(routes.add({.path = "/no-handler"}), Error);
}

TEST_CASE("what a handler throws is a response in the form of its API") {
  Routes routes;
  routes.add({.path = "/plain", .handler = [](HttpRequest) -> Async<HttpResponse> {
                throw Error(Errc::bad_input, "no `ticket`", {.missing = {"ticket"}});
                co_return HttpResponse{};
              }});
  routes.add({.path = "/other",
              .handler = [](HttpRequest) -> Async<HttpResponse> {
                throw Error(Errc::rate_limit_exceeded, "later", {.retry_after = std::chrono::milliseconds(1200)});
                co_return HttpResponse{};
              },
              .errors = [](const Error& error, int status) -> Json {
                return JsonObject{{"code", status}, {"why", error.what()}};
              }});
  routes.add({.path = "/foreign", .handler = [](HttpRequest) -> Async<HttpResponse> {
                throw std::runtime_error("secret detail");
                co_return HttpResponse{};
              }});
  const auto plain = ask(routes, "GET", "/plain");
  CHECK(plain.status == 400);
  CHECK(plain.body == R"({"error":{"message":"no `ticket`","type":"bad_input","field":"ticket"}})");
  const auto other = ask(routes, "GET", "/other");
  CHECK(other.status == 429);
  CHECK(other.headers.find("Retry-After") == "2");
  CHECK(other.body == R"({"code":429,"why":"later"})");
  const auto foreign = ask(routes, "GET", "/foreign");
  CHECK(foreign.status == 500);
  CHECK(!foreign.body.contains("secret"));
}

TEST_CASE("a route with a scope asks who calls, and what they may") {
  Routes routes;
  routes.add({.path = "/open", .handler = says("open")});
  routes.add({.path = "/closed", .handler = says("closed"), .scope = "run"});
  CHECK(ask(routes, "GET", "/closed").status == 200);  // nobody is asked for a key
  routes.set_authenticator([](const HttpRequest& request) -> Async<Caller> {
    const auto key = request.headers.find("x-api-key");
    if (!key) throw HttpError(401, Errc::authentication_failed, "no key");
    co_return Caller{.key = "k", .scopes = {std::string(*key)}};
  });
  CHECK(ask(routes, "GET", "/open").status == 200);
  CHECK(ask(routes, "GET", "/closed").status == 401);
  const auto with = [&](std::string scope) {
    return wait(routes.answer({.path = "/closed", .headers = {{.name = "X-Api-Key", .value = std::move(scope)}}}))
        .status;
  };
  CHECK(with("run") == 200);
  CHECK(with("*") == 200);
  CHECK(with("read") == 403);
}

TEST_CASE("a provider's refusal of our key is not the client's") {
  CHECK(status_of(Error(Errc::authentication_failed, "")) == 502);
  CHECK(status_of(HttpError(401, Errc::authentication_failed, "")) == 401);
  CHECK(status_of(Error(Errc::deadline_exceeded, "")) == 504);
}

TEST_CASE("a body must be one JSON object, said in one way") {
  CHECK(json_body({.body = R"({"a":1})"}).size() == 1);
  for (const auto* body : {"", "[]", "1", "{", R"({"a":1,"a":2})"}) {
    CAPTURE(body);
    CHECK_THROWS_AS(json_body({.body = body}), Error);
  }
}
