#include "protocol_client.hpp"

using namespace dspy;
using test::parsed;
using test::ProtocolClient;

namespace {

std::shared_ptr<ScriptedLM> says(Reply reply) {
  return std::make_shared<ScriptedLM>([reply](const Request&) { return reply; });
}

}  // namespace

TEST_CASE("a message request becomes a request; results of tools become turns of their own") {
  const auto lm = says(Reply(Completion{.text = "blue"}));
  ProtocolClient client(test::catalog_of(lm));

  const auto answer = client.post("/v1/messages", parsed(R"({
    "model": "model", "max_tokens": 20, "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
      {"role": "user", "content": "What?"},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"},
                                        {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": 1}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "nothing", "is_error": true},
                                   {"type": "text", "text": "And?"}]}
    ],
    "tools": [{"name": "find", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
    "temperature": 0.5, "top_k": 5, "stop_sequences": ["x"], "metadata": {"user_id": "u"},
    "thinking": {"type": "disabled"}
  })"));

  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  const auto request = lm->requests().at(0);
  REQUIRE(request.messages.size() == 5);
  CHECK(request.messages[0] == Message(Role::system, "Be brief."));
  CHECK(*request.messages[2].parts.at(1).get<ToolCallPart>() ==
        ToolCallPart{.id = "t1", .name = "find", .input = {{"q", 1}}});
  CHECK(request.messages[3].role == Role::tool);
  CHECK(request.messages[3].parts.at(0).get<ToolResultPart>()->is_error);
  CHECK(request.messages[3].parts.at(0).get<ToolResultPart>()->name == "find");
  CHECK(request.messages[4] == Message(Role::user, "And?"));
  CHECK(request.sampling == Sampling{.max_tokens = 20, .temperature = 0.5, .top_k = 5, .stop = {"x"}});
  CHECK(request.tool_choice.mode == ToolChoice::Mode::required);
  CHECK(request.tool_choice.parallel == false);
  CHECK(request.provider_options().reasoning.effort == ReasoningOptions::Effort::off);
}

TEST_CASE("a reply becomes a message whose input tokens leave out the cache's") {
  Completion completion{.text = "Let me see.", .reasoning = "hm"};
  completion.tool_calls.push_back({.id = "t1", .name = "find", .input = {{"q", 1}}});
  ProtocolClient client(test::catalog_of(
      says(Reply(completion, {.requests = 1, .prompt_tokens = 10, .completion_tokens = 4, .cache_read_tokens = 6}))));

  const auto answer = client.post(
      "/v1/messages", parsed(R"({"model": "model", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]})"));

  const auto body = answer.json();
  CHECK(body.at("type") == Json("message"));
  CHECK(body.at("stop_reason") == Json("tool_use"));
  CHECK(body.at("content") == parsed(R"([{"type": "thinking", "thinking": "hm", "signature": ""},
    {"type": "text", "text": "Let me see."}, {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": 1}}])"));
  CHECK(body.at("usage") == parsed(R"({"input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 4})"));
  CHECK(answer.headers.find("request-id").has_value());
}

TEST_CASE("a message's stream opens and closes its blocks") {
  Completion completion{.text = "one two", .reasoning = "hm"};
  completion.tool_calls.push_back({.id = "t1", .name = "find", .input = {{"q", 1}}});
  completion.finish = FinishReason::length;
  ProtocolClient client(test::catalog_of(says(Reply(completion))));

  const auto events = client
                          .post("/v1/messages", parsed(R"({"model": "model", "max_tokens": 9, "stream": true,
                                           "messages": [{"role": "user", "content": "q"}]})"))
                          .events();

  std::string shape, text;
  for (const auto& event : events) {
    const auto type = view(event.at("type").get_string());
    if (type == "content_block_start")
      shape += std::string(view(event.at("content_block").at("type").get_string())) + "(";
    if (type == "content_block_stop") shape += ")";
    if (type != "content_block_delta") continue;
    const auto& delta = event.at("delta").get_object();
    if (delta.at("type") == Json("text_delta")) text += view(delta.at("text").get_string());
    if (delta.at("type") == Json("input_json_delta")) CHECK(delta.at("partial_json") == Json(R"({"q":1})"));
  }
  CHECK(shape == "text()thinking()tool_use()");  // this model tells its thoughts last
  CHECK(text == "one two");
  CHECK(events.front().at("type") == Json("message_start"));
  CHECK(events[events.size() - 2].at("delta").at("stop_reason") == Json("max_tokens"));
  CHECK(events.back().at("type") == Json("message_stop"));
}

TEST_CASE("Anthropic's errors") {
  ProtocolClient client(test::catalog_of(says(Reply(Completion{.text = "x"}))));

  const auto missing =
      client.post("/v1/messages", parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}]})"));
  CHECK(missing.status == 400);
  CHECK(missing.json().at("type") == Json("error"));
  CHECK(missing.json().at("error").at("type") == Json("invalid_request_error"));
  CHECK(std::string(missing.json().at("error").at("message").as_string()).contains("max_tokens"));
  const auto unknown = client.post(
      "/v1/messages", parsed(R"({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "q"}]})"));
  CHECK(unknown.status == 404);
  CHECK(unknown.json().at("error").at("type") == Json("not_found_error"));
  const auto prefilled = client.post(
      "/v1/messages", parsed(R"({"model": "model", "max_tokens": 1, "messages": [{"role": "user", "content": "q"},
                                 {"role": "assistant", "content": "The"}]})"));
  CHECK(prefilled.status == 400);
}
