// Responses over a WebSocket: over a simulated one, and over a real one with the mock provider at its end.

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/providers/remote_options.hpp"
#include "mock_provider/mock_provider.hpp"
#include "support.hpp"

#include <algorithm>
#include <chrono>
#include <stop_token>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

const Request question{.messages = {{Role::user, "Which colour is the sky?"}}};

/// Events of a stream as the messages of a socket.
std::vector<std::string> messages_of(const JsonArray& events) {
  std::vector<std::string> out;
  for (const auto& event : events) out.push_back(to_text(event));
  return out;
}

http::SimulatedSocket saying(std::vector<std::string> messages) {
  return {.answer = [messages](std::string_view) { return messages; }};
}

/// The events of the first case of Responses.
std::vector<std::string> first_case() {
  return messages_of(cases_of("responses_replies")[0].as_object().at("events").as_array());
}

Remote over_socket(RemoteOptions options = {}) {
  options.api = Api::responses;
  options.web_socket = true;
  return Remote("openai", std::move(options));
}

Error failure_of(const Remote& remote) {
  const auto result = attempt([&] { return wait(remote.lm->complete(question)); });
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

std::shared_ptr<LM> at(const mock::MockProvider& server, bool web_socket, std::string_view path = "/v1") {
  return openai({.model = "mock",
                 .api = Api::responses,
                 .base_url = server.url(path),
                 .api_key = Secret("sk-canary-0123456789"),
                 .web_socket = web_socket});
}

}  // namespace

TEST_CASE("A reply over a WebSocket is the one over server-sent events, event for event") {
  for (const auto& each : cases_of("responses_replies")) {
    const auto& entry = each.as_object();
    CAPTURE(text_of(entry, "name"));
    const auto& events = entry.at("events").as_array();
    Remote by_http("openai", {.api = Api::responses});
    by_http.transport->reply({.headers = type_of(Api::responses, true), .body = wire_of(events, Api::responses)});
    auto by_socket = over_socket();
    by_socket.transport->accept(saying(messages_of(events)));
    Told told_by_http;
    Told told_by_socket;

    const auto expected =
        wait(by_http.lm->stream(question, [&](const StreamEvent& event) { told_by_http.take(event); }));
    const auto reply =
        wait(by_socket.lm->stream(question, [&](const StreamEvent& event) { told_by_socket.take(event); }));

    CHECK(reply == expected);
    CHECK(told_by_socket.text == told_by_http.text);
    CHECK(told_by_socket.reasoning == told_by_http.reasoning);
    CHECK(told_by_socket.calls == told_by_http.calls);
    CHECK(told_by_socket.started == told_by_http.started);
    CHECK(told_by_socket.whole == told_by_http.whole);
  }
}

TEST_CASE("A message has what a body has, and the request for the socket the key") {
  auto remote = over_socket({.model = "gpt-5.4"});
  remote.transport->accept(saying(first_case()));

  wait(remote.lm->stream(question, {}));

  const auto request = remote.transport->requests().at(0);
  CHECK(request.url == "https://api.openai.com/v1/responses");
  CHECK(request.credentials.at(0).header == "Authorization");
  CHECK_FALSE(request.headers.find("Content-Type").has_value());
  const auto message = parse_json(remote.transport->messages().at(0)).value().as_object();
  CHECK(message.begin()->key() == "type");
  CHECK(message.at("type") == "response.create");
  CHECK(message.at("model") == "gpt-5.4");
  CHECK(message.at("input").at(0).at("content") == "Which colour is the sky?");
  CHECK_FALSE(message.contains("stream"));
}

TEST_CASE("A socket is kept for the next request, and replaced when the server has closed it meanwhile") {
  auto remote = over_socket();
  auto socket = saying(first_case());
  socket.ends_after = 2 * first_case().size();
  socket.close = http::SocketClose{.code = 1001};
  remote.transport->accept(socket);
  remote.transport->accept(saying(first_case()));

  for (int i = 0; i < 4; ++i) wait(remote.lm->complete(question));

  CHECK(remote.transport->requests().size() == 2);
  CHECK(remote.transport->messages().size() == 5);  // the third was asked again on the new socket
}

TEST_CASE("What fails after the first event is not asked again") {
  auto remote = over_socket();
  auto socket = saying(first_case());
  socket.ends_after = first_case().size() + 2;
  remote.transport->accept(socket);
  wait(remote.lm->complete(question));

  const auto broken = failure_of(remote);

  CHECK(broken.code() == Errc::stream_broken);
  CHECK(broken.info().provider == "openai");
  CHECK(remote.transport->requests().size() == 1);
}

TEST_CASE("Close codes say whether to ask again") {
  struct Case {
    std::uint16_t code;
    Errc expected;
  };
  for (const auto& [code, expected] :
       {Case{1000, Errc::unavailable}, Case{1001, Errc::unavailable}, Case{1011, Errc::unavailable},
        Case{1012, Errc::unavailable}, Case{1013, Errc::unavailable}, Case{1008, Errc::refused},
        Case{1009, Errc::refused}}) {
    CAPTURE(code);
    auto remote = over_socket();
    remote.transport->accept({.ends_after = 0, .close = http::SocketClose{.code = code, .reason = "why"}});
    const auto failure = failure_of(remote);
    CHECK(failure.code() == expected);
    CHECK(std::string(failure.what()).contains(std::format("code {}: why", code)));
  }
}

TEST_CASE("Errors of the provider are what they are over HTTP") {
  const auto told = [](std::string message) {
    auto remote = over_socket();
    remote.transport->accept(saying({std::move(message)}));
    return failure_of(remote);
  };
  const auto limited = told(
      R"({"type":"error","status":429,"error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"slow down"}})");
  CHECK(limited.code() == Errc::rate_limit_exceeded);
  CHECK(limited.info().status == 429);
  CHECK(told(R"({"type":"error","status":401,"error":{"code":"invalid_api_key","message":"who are you"}})").code() ==
        Errc::authentication_failed);
  const auto aged = told(
      R"({"type":"error","status":400,"error":{"type":"invalid_request_error","code":"websocket_connection_limit_reached","message":"60 minutes are over"}})");
  CHECK(aged.code() == Errc::unavailable);
  CHECK(told(R"({"type":"error","code":"server_error","message":"failed"})").code() == Errc::unavailable);
  CHECK(told("no JSON").code() == Errc::stream_broken);
}

TEST_CASE("A server that opens no WebSocket is told from one that refuses the key") {
  for (const int status : {200, 302, 404, 405, 426}) {
    CAPTURE(status);
    auto remote = over_socket();
    remote.transport->accept({.status = status});
    const auto failure = failure_of(remote);
    CHECK(failure.code() == Errc::unsupported);
    CHECK(std::string(failure.what()).contains("ask without `web_socket`"));
  }
  auto remote = over_socket();
  remote.transport->accept({.status = 401});
  CHECK(failure_of(remote).code() == Errc::authentication_failed);
  remote.transport->accept({.status = 503});
  CHECK(failure_of(remote).code() == Errc::unavailable);
}

TEST_CASE("Only Responses can be asked over a WebSocket") {
  CHECK_THROWS_WITH_AS(openai({.model = "m", .api_key = Secret("sk-1"), .web_socket = true}),
                       "OpenAI: only Responses can be asked over a WebSocket; set `api` to `responses`, or leave "
                       "`web_socket` out",
                       Error);
  CHECK(remote_options({.scheme = "openai", .path = "responses/m", .options = {{"web_socket", "true"}}}).web_socket);
}

TEST_CASE("The mock provider says the same over a WebSocket") {
  for (const auto& wishes : {mock::WishList{{"reply", "Blau, und \"😀\" dazu."}},
                             mock::WishList{{"reply", "Blue."}, {"reasoning", "The sky."}},
                             mock::WishList{{"tool", "look"}, {"arguments", "{\"at\":\"sky\"}"}},
                             mock::WishList{{"reply", "Bl"}, {"finish", "length"}}}) {
    mock::MockProvider server({.wishes = wishes});
    Told by_http;
    Told by_socket;
    auto expected = wait(at(server, false)->stream(question, [&](const StreamEvent& event) { by_http.take(event); }));
    auto reply = wait(at(server, true)->stream(question, [&](const StreamEvent& event) { by_socket.take(event); }));
    CHECK(reply.text() == expected.text());
    CHECK(reply.completion().reasoning == expected.completion().reasoning);
    CHECK(reply.completion().finish == expected.completion().finish);
    CHECK(reply.usage == expected.usage);
    CHECK(by_socket.text == by_http.text);
    CHECK(by_socket.reasoning == by_http.reasoning);
    CHECK(by_socket.calls.size() == by_http.calls.size());
    CHECK(wait(at(server, true)->complete(question)).text() == expected.text());
  }
}

TEST_CASE("Many requests over few sockets, each with its own reply") {
  mock::MockProvider server;
  const auto lm = at(server, true);
  for (int round = 0; round < 3; ++round) {
    std::vector<Async<Reply>> asked;
    for (int i = 0; i < 16; ++i)
      asked.push_back(lm->complete({.messages = {{Role::user, std::format("round {} request {}", round, i)}}}));
    const auto replies = wait(when_all(std::move(asked)));
    for (std::size_t i = 0; i < replies.size(); ++i)
      CHECK(replies[i].text() == std::format("round {} request {}", round, i));
  }
  CHECK(server.request_count() == 48);
  CHECK(server.connections() <= 16);
}

TEST_CASE("What goes wrong over a real socket is an error that says so") {
  mock::MockProvider server({.required_key = "sk-canary-0123456789"});
  const auto lm = at(server, true);
  const auto failure = [&](Request request = question) {
    const auto result = attempt([&] { return wait(lm->complete(std::move(request))); });
    REQUIRE_FALSE(result.has_value());
    return result.error();
  };
  server.next({{"status", "429"}, {"error-code", "rate_limit_exceeded"}});
  CHECK(failure().code() == Errc::rate_limit_exceeded);
  server.next({{"reply", "a long enough reply"}, {"close-after", "900"}});
  CHECK(failure().code() == Errc::stream_broken);
  server.next({{"reply", "a long enough reply"}, {"reset-after", "900"}});
  CHECK(failure().code() == Errc::stream_broken);
  server.next({{"missing-end", "1"}, {"close-code", "1012"}});
  CHECK(failure().code() == Errc::stream_broken);
  server.next({{"hang", "1"}});
  CHECK(failure({.messages = question.messages, .deadline = std::chrono::steady_clock::now() + 100ms}).code() ==
        Errc::deadline_exceeded);
  server.next({{"reply", "fine"}});
  CHECK(wait(lm->complete(question)).text() == "fine");

  const auto stranger = openai({.model = "mock",
                                .api = Api::responses,
                                .base_url = server.url("/v1"),
                                .api_key = Secret("sk-wrong-0123456789"),
                                .web_socket = true});
  const auto refused = attempt([&] { return wait(stranger->complete(question)); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::authentication_failed);
  CHECK_FALSE(std::string(refused.error().what()).contains("sk-wrong"));
}
