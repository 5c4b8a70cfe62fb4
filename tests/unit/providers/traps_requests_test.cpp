// What must not be sent.  docs/traps.md lists all traps.

#include "wire.hpp"

#include <string>

using namespace dspy;
using namespace dspy::test;

namespace {

std::string sent_body(const Remote& remote, std::size_t number = 0) {
  return remote.transport->requests().at(number).body;
}

std::shared_ptr<LM> with_key(const Remote& remote, std::string_view key, std::string organization = {}) {
  return dspy::remote("openai", {.model = "responses/m",
                                 .api_key = Secret(std::string(key)),
                                 .organization = std::move(organization),
                                 .transport = remote.transport});
}

bool has_null(const Json& value) {
  if (value.is_null()) return true;
  if (const auto* const list = value.if_array())
    for (const auto& each : *list)
      if (has_null(each)) return true;
  if (const auto* const object = value.if_object())
    for (const auto& [unused, each] : *object)
      if (has_null(each)) return true;
  return false;
}

const std::string thoughts =
    R"({"id": "r", "status": "completed", "output": [{"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "sealed"},
{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]})";

}  // namespace

TEST_CASE("Trap 33: encrypted thoughts do not go to another account") {
  const Remote remote("openai");
  for (int i = 0; i < 4; ++i) remote.transport->reply({.headers = type_of(Api::responses, false), .body = thoughts});
  const auto first = wait(with_key(remote, "sk-of-one-account")->complete(plain_question));
  const Request next{.messages = {{Role::user, "q"}, to_message(first.completion()), {Role::user, "more"}}};

  wait(with_key(remote, "sk-of-one-account")->complete(next));
  CHECK(sent_body(remote, 1).contains("sealed"));

  const auto other = wait(with_key(remote, "sk-of-another-account")->complete(next));
  CHECK_FALSE(sent_body(remote, 2).contains("sealed"));
  CHECK(sent_body(remote, 2).contains("\"Hi\""));
  REQUIRE_FALSE(other.adaptations.empty());
  CHECK(other.adaptations.back().reason.contains("another account"));

  const auto text = to_text(to_message(first.completion()).parts.at(0).continuation);
  CHECK_FALSE(text.contains("sk-of"));
  // Nor to another provider, whoever asks.
  const Remote elsewhere("anthropic");
  elsewhere.transport->reply({.headers = type_of(Api::anthropic, false),
                              .body = R"({"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})"});
  wait(elsewhere.lm->complete(next));
  CHECK_FALSE(sent_body(elsewhere).contains("sealed"));
}

TEST_CASE("Trap 33: two keys of one organisation are one account") {
  const Remote remote("openai");
  for (int i = 0; i < 2; ++i) remote.transport->reply({.headers = type_of(Api::responses, false), .body = thoughts});
  const auto first = wait(with_key(remote, "sk-a", "org-1")->complete(plain_question));
  const Request next{.messages = {{Role::user, "q"}, to_message(first.completion()), {Role::user, "more"}}};
  wait(with_key(remote, "sk-b", "org-1")->complete(next));
  CHECK(sent_body(remote, 1).contains("sealed"));
}

TEST_CASE("Trap 34: what is not set is left out, since strict servers refuse a null") {
  for (const auto& dialect : dialects()) {
    CAPTURE(dialect.name);
    const Remote remote(dialect.name, {.model = "m", .api_version = "v"});
    const auto result = attempt([&] { return wait(remote.lm->complete(plain_question)); });
    CHECK_FALSE(result.has_value());  // no reply was scripted
    REQUIRE(remote.transport->requests().size() == 1);
    const auto body = parse_json(sent_body(remote));
    REQUIRE(body.has_value());
    CHECK_FALSE(has_null(*body));
  }
}

TEST_CASE("Complaint: a server of one's own is sent no field that it did not ask for") {
  const Remote remote("vllm");
  remote.transport->reply(
      {.headers = type_of(Api::chat, false),
       .body = R"({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]})"});
  wait(remote.lm->complete(plain_question));
  const auto body = parse_json(sent_body(remote));
  REQUIRE(body.has_value());
  for (const auto& [name, unused] : body->as_object()) {
    const std::string_view member(name.data(), name.size());
    CAPTURE(member);
    CHECK((member == "model" || member == "messages" || member == "stream"));
  }
}

TEST_CASE("Complaint: a key is in no reply and no header that a provider repeats it in") {
  const Remote remote("openai");
  remote.transport->reply({.headers = type_of(Api::chat, false),
                           .body = R"({"id": "1", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
                                      "message": {"role": "assistant", "content": "It is sk-canary-0123456789."}}]})"});
  const auto reply = wait(remote.lm->complete(plain_question));
  CHECK(reply.text() == "It is [key].");

  auto headers = type_of(Api::chat, false);
  headers.set("x-request-id", "Bearer sk-canary-0123456789");
  remote.transport->reply({.status = 401, .headers = std::move(headers), .body = R"({"error": {"message": "No."}})"});
  const auto error = attempt([&] { return wait(remote.lm->complete(plain_question)); }).error();
  CHECK_FALSE(to_text(to_json(error)).contains("canary"));
}

TEST_CASE("Complaint: a key is in no error, whatever the provider repeats") {
  const Remote remote("openai");
  remote.transport->reply(
      {.status = 401,
       .headers = type_of(Api::chat, false),
       .body =
           R"({"error": {"message": "Incorrect API key provided: sk-canary-0123456789.", "code": "invalid_api_key"}})"});
  const auto error = attempt([&] { return wait(remote.lm->complete(plain_question)); }).error();
  CHECK(error.code() == Errc::authentication_failed);
  CHECK_FALSE(to_text(to_json(error)).contains("canary"));
}
