#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/change_feed.hpp"
#include "dspy/server/system/system_api.hpp"
#include "protocol_client.hpp"
#include "support/folder.hpp"
#include "support/raw_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

// What the listener and the routes refuse before, or beside, a handler.

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;
using dspy::test::RawClient;

namespace {

/// Takes its time, and keeps no deadline by itself.
class SlowLM final : public LM {
 public:
  std::string_view model() const noexcept override { return "slow"; }
  Async<Reply> complete(Request request) override { return answer(std::move(request)); }

 private:
  static Async<Reply> answer(Request request) {
    co_await dspy::sleep(5s, request.stop);
    co_return Reply(Completion{});
  }
};

std::shared_ptr<Routes> routes_of(const std::shared_ptr<Catalog>& catalog) {
  auto routes = std::make_shared<Routes>();
  routes->add(program_routes(catalog));
  routes->add(protocol_routes(catalog));
  routes->add(system_routes({.catalog = catalog}));
  return routes;
}

std::shared_ptr<Catalog> slow_catalog() {
  auto catalog = test::catalog_of(std::make_shared<SlowLM>());
  catalog->put(test::program_of("qa", "question -> answer", catalog->model("model")->lm));
  return catalog;
}

std::string ask(std::uint16_t port, std::string_view method, std::string_view path, std::string_view body = {}) {
  RawClient client(port);
  client.send(std::format("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", method,
                          path, body.size(), body));
  return client.read();
}

Json body_of(const std::string& response) {
  const auto begin = response.find("\r\n\r\n");
  REQUIRE(begin != std::string::npos);
  return test::parsed(response.substr(begin + 4));
}

constexpr std::string_view chat = R"({"model":"model","max_tokens":9,"messages":[{"role":"user","content":"?"}]})";
constexpr std::string_view inputs = R"({"inputs":{"question":"?"}})";

}  // namespace

TEST_CASE("what takes too long ends with the time that is left, streamed or not, in each API's form") {
  ListenerOptions options;
  options.limits.request_time = 300ms;
  const Listener listener(routes_of(slow_catalog()), options);
  const auto port = listener.port();
  const auto begun = std::chrono::steady_clock::now();
  const auto whole = ask(port, "POST", "/v1/chat/completions", chat);
  CHECK(whole.starts_with("HTTP/1.1 504"));
  CHECK(body_of(whole).at("error").as_object().contains("param"));
  CHECK(body_of(ask(port, "POST", "/v1/messages", chat)).at("type") == "error");
  CHECK(body_of(ask(port, "POST", "/api/generate", R"({"model":"model","prompt":"?","stream":false})"))
            .at("error")
            .is_string());
  const auto batch = ask(port, "POST", "/v1/programs/qa:batch", R"({"inputs":[{"question":"?"},{"question":"?"}]})");
  CHECK(batch.starts_with("HTTP/1.1 200"));
  const auto answered = body_of(batch);
  for (const auto& row : answered.at("results").as_array()) CHECK(row.at("error").at("type") == "deadline_exceeded");
  const auto stream = ask(port, "POST", "/v1/programs/qa:stream", inputs);
  CHECK(stream.starts_with("HTTP/1.1 200"));
  CHECK(stream.contains("event: error\ndata: {\"error\":{"));
  CHECK(stream.contains("deadline_exceeded"));
  CHECK(stream.ends_with("0\r\n\r\n"));
  const auto lines = ask(port, "POST", "/api/chat", R"({"model":"qa","messages":[{"role":"user","content":"?"}]})");
  CHECK(lines.contains("took longer than"));
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("what is refused before a handler has the form of the API that is asked") {
  ListenerOptions options;
  options.limits.body_bytes = 100;
  const Listener listener(routes_of(slow_catalog()), options);
  const std::string large(200, ' ');
  const auto at = [&](std::string_view path) {
    const auto response = ask(listener.port(), "POST", path, large);
    CHECK(response.starts_with("HTTP/1.1 413"));
    return body_of(response);
  };
  CHECK(at("/v1/chat/completions").at("error").as_object().contains("code"));
  CHECK(at("/v1/messages").at("error").at("type") == "request_too_large");
  CHECK(at("/api/chat").at("error").is_string());
  CHECK(at("/v1/programs/qa").at("error").at("type") == "bad_input");
  CHECK(body_of(ask(listener.port(), "GET", "/v1/messages/x")).at("type") == "error");
  CHECK(body_of(ask(listener.port(), "GET", "/api/ps")).at("error").is_string());
  CHECK(body_of(ask(listener.port(), "GET", "/nothing")).at("error").at("type") == "not_found");
}

TEST_CASE("what a load balancer asks is not counted against the rate of its address") {
  ListenerOptions options;
  options.limits.requests_per_second = 1;
  const Listener listener(routes_of(slow_catalog()), options);
  for (int i = 0; i < 5; ++i) CHECK(ask(listener.port(), "GET", "/healthz").starts_with("HTTP/1.1 200"));
  CHECK(ask(listener.port(), "GET", "/v1/models").starts_with("HTTP/1.1 200"));
  const auto refused = ask(listener.port(), "GET", "/v1/models");
  CHECK(refused.starts_with("HTTP/1.1 429"));
  CHECK(body_of(refused).at("error").at("code") == "rate_limit_exceeded");
}

TEST_CASE("a stream that a client follows ends when its key is taken back") {
  const test::Folder folder;
  const auto keys = std::make_shared<KeyStore>(folder.path / "keys.sqlite");
  const auto feed = std::make_shared<ChangeFeed>();
  auto routes = std::make_shared<Routes>();
  routes->add(change_route(feed));
  routes->set_authenticator(keys->authenticator());
  routes->set_recheck(
      [keys](const Caller& caller, const std::string& scope) { return keys->still_admits(caller, scope); });
  const Listener listener(routes, {});
  const auto open = [&](const CreatedKey& made) {
    RawClient client(listener.port());
    client.send(
        std::format("GET /api/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
                    made.secret.reveal()));
    CHECK(client.read("listening").starts_with("HTTP/1.1 200"));
    return client;
  };
  const auto first = keys->create({.name = "first", .scopes = {"events:read"}});
  const auto second = keys->create({.name = "second", .scopes = {"events:read"}});
  auto ends = open(first), stays = open(second);
  feed->tell("", "traces", "t1", "created");
  CHECK(ends.read("t1").contains("t1"));
  CHECK(stays.read("t1").contains("t1"));
  keys->revoke("", first.key.id);
  CHECK(ends.read({}, 4s).ends_with("0\r\n\r\n"));
  CHECK(!ends.timed_out());
  feed->tell("", "traces", "t2", "created");
  CHECK(stays.read("t2").contains("t2"));
}
