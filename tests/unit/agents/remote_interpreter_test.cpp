#include "dspy/agents/sandbox/remote_interpreter.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/simulated_transport.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using dspy::Execution;

namespace {

constexpr auto begun = R"({"session":"s-1","layers":{"vm":1}})";
constexpr auto called = R"({"type":"call","execution":1,"call":1,"name":"twice","arguments":{"x":4}})";

std::string done(int execution) {
  return R"({"type":"done","execution":)" + std::to_string(execution) +
         R"(,"end":"finished","value":8,"repr":"8","output":{"head":"","tail":"","left_out":0}})";
}

dspy::HostFunction twice() {
  return {.name = "twice", .parameters = {"x"}, .call = [](dspy::JsonObject given) -> dspy::Async<dspy::Json> {
            co_return 2 * given.at("x").to_number<int>();
          }};
}

}  // namespace

TEST_CASE("code runs elsewhere, and calls functions here") {
  auto transport = std::make_shared<dspy::http::SimulatedTransport>();
  for (const auto* const body : {begun, called}) transport->reply({.body = body});
  transport->reply({.body = done(1)});
  dspy::RemoteInterpreter python(
      {twice()}, {.url = "https://code.example/v1/", .token = dspy::Secret("t"), .transport = transport});
  const auto out = python("twice(4)");
  CHECK(out.value == dspy::Json(8));
  CHECK(out.calls == 1);
  CHECK(python.protection() == R"(remote, as it says: {"vm":1})");
  const auto requests = transport->requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].url == "https://code.example/v1/sessions");
  CHECK(requests[2].url == "https://code.example/v1/sessions/s-1/messages");
  CHECK(requests[2].body == R"({"type":"result","call":1,"value":8})");
}

TEST_CASE("a session that is gone is begun anew, which the result tells") {
  auto transport = std::make_shared<dspy::http::SimulatedTransport>();
  dspy::RemoteInterpreter python({}, {.url = "https://code.example", .transport = transport});
  transport->reply({.body = begun});
  transport->reply({.body = done(1)});
  CHECK_FALSE(python("8").state_lost);
  transport->reply({.status = 404});
  transport->reply({.body = begun});
  transport->reply({.body = done(2)});
  CHECK(python("8").state_lost);
}

TEST_CASE("a service that lies or fails is an error") {
  auto transport = std::make_shared<dspy::http::SimulatedTransport>();
  dspy::RemoteInterpreter python({}, {.url = "https://code.example", .transport = transport});
  transport->reply({.status = 401});
  CHECK_THROWS_AS(python("8"), dspy::Error);
  transport->reply({.body = R"({"session":"../other"})"});
  CHECK_THROWS_AS(python("8"), dspy::Error);
  transport->reply({.body = begun});
  transport->reply({.body = done(99)});
  CHECK_THROWS_AS(python("8"), dspy::Error);
  CHECK_THROWS_AS(dspy::RemoteInterpreter({}, {.url = "nowhere"}), dspy::Error);
}
