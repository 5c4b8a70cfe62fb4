#include "protocol_client.hpp"

#include <algorithm>

using namespace dspy;
using test::parsed;
using test::ProtocolClient;

namespace {

std::shared_ptr<ScriptedLM> says(Reply reply) {
  return std::make_shared<ScriptedLM>([reply](const Request&) { return reply; });
}

std::vector<std::string> kinds(const std::vector<JsonObject>& events) {
  std::vector<std::string> out;
  for (const auto& event : events) out.emplace_back(view(event.at("type").get_string()));
  return out;
}

}  // namespace

TEST_CASE("items become turns: calls and their results, thoughts, and what follows them") {
  const auto lm = says(Reply(Completion{.text = "blue"}));
  ProtocolClient client(test::catalog_of(lm));

  const auto answer = client.post("/v1/responses", parsed(R"({
    "model": "model", "instructions": "Be brief.", "max_output_tokens": 20, "temperature": 0,
    "input": [
      {"role": "user", "content": "What?"},
      {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
      {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}", "id": "fc", "status": "completed"},
      {"type": "function_call_output", "call_id": "c1", "output": "found"},
      {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And?"}]}
    ],
    "text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}},
    "tools": [{"type": "function", "name": "find", "parameters": {"type": "object"}, "strict": true}],
    "tool_choice": "required", "include": ["message.output_text.logprobs"], "top_logprobs": 3
  })"));

  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  const auto request = lm->requests().at(0);
  REQUIRE(request.messages.size() == 5);
  CHECK(request.messages[0] == Message(Role::system, "Be brief."));
  CHECK(request.messages[2].role == Role::assistant);
  CHECK(request.messages[2].parts.at(0).get<ReasoningPart>()->text == "hm");
  CHECK(request.messages[2].parts.at(1).get<ToolCallPart>()->name == "find");
  CHECK(request.messages[3].parts.at(0).get<ToolResultPart>()->name == "find");
  CHECK(request.messages[4] == Message(Role::user, "And?"));
  CHECK(request.sampling == Sampling{.max_tokens = 20, .temperature = 0, .logprobs = 3});
  CHECK(request.contract.form == OutputContract::Form::schema);
  CHECK(request.tools.at(0).strict == true);
  CHECK(request.tool_choice.mode == ToolChoice::Mode::required);
}

TEST_CASE("a response has its items, what was asked, and usage") {
  Completion completion{.text = "Half a", .reasoning = "hm", .finish = FinishReason::length};
  ProtocolClient client(test::catalog_of(
      says(Reply(completion, {.requests = 1, .prompt_tokens = 5, .completion_tokens = 3, .reasoning_tokens = 1}))));

  const auto body =
      client.post("/v1/responses", parsed(R"({"model": "model", "input": "q", "temperature": 0.5})")).json();

  CHECK(body.at("status") == Json("incomplete"));
  CHECK(body.at("incomplete_details").at("reason") == Json("max_output_tokens"));
  CHECK(body.at("temperature") == Json(0.5));
  CHECK(body.at("tools") == Json(JsonArray()));
  CHECK(body.at("output").at(0).at("content").at(0).at("text") == Json("hm"));
  CHECK(body.at("output").at(1).at("content").at(0).at("text") == Json("Half a"));
  CHECK(body.at("usage") == parsed(R"({"input_tokens": 5, "output_tokens": 3, "total_tokens": 8,
    "input_tokens_details": {}, "output_tokens_details": {"reasoning_tokens": 1}})"));
}

TEST_CASE("the events of a response open and close each item, numbered, and end with the whole") {
  Completion completion{.text = "one two", .reasoning = "let me see"};
  completion.tool_calls.push_back({.id = "c1", .name = "find", .input = {{"q", 1}}});
  ProtocolClient client(test::catalog_of(says(Reply(completion))));

  const auto events =
      client.post("/v1/responses", parsed(R"({"model": "model", "input": "q", "stream": true})")).events();

  auto seen = kinds(events);
  const auto same = std::ranges::unique(seen);
  seen.erase(same.begin(), same.end());
  CHECK(seen == std::vector<std::string>{
                    "response.created", "response.in_progress", "response.output_item.added",
                    "response.content_part.added", "response.output_text.delta", "response.output_text.done",
                    "response.content_part.done", "response.output_item.done",
                    // this model tells its thoughts last
                    "response.output_item.added", "response.reasoning_text.delta", "response.reasoning_text.done",
                    "response.output_item.done", "response.output_item.added", "response.function_call_arguments.delta",
                    "response.function_call_arguments.done", "response.output_item.done", "response.completed"});
  std::string text;
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].at("sequence_number").to_number<std::size_t>() == i);
    if (events[i].at("type") == Json("response.output_text.delta")) text += view(events[i].at("delta").get_string());
  }
  CHECK(text == "one two");
  const auto& whole = events.back().at("response");
  CHECK(whole.at("output").get_array().size() == 3);
  // Each item as it was closed is the item of the whole.
  std::size_t item = 0;
  for (const auto& event : events) {
    if (event.at("type") != Json("response.output_item.done")) continue;
    CHECK(event.at("output_index").to_number<std::size_t>() == item);
    CHECK(event.at("item") == whole.at("output").at(item++));
  }
}

TEST_CASE("what responses do not keep is refused") {
  ProtocolClient client(test::catalog_of(says(Reply(Completion{.text = "x"}))));
  const auto refused = [&](std::string_view more) {
    const auto answer =
        client.post_text("/v1/responses", R"({"model": "model", "input": "q")" + std::string(more) + "}");
    CHECK_MESSAGE(answer.status == 400, answer.body);
    return answer.json().at("error").at("param");
  };

  CHECK(refused(R"(, "previous_response_id": "resp_1")") == Json("previous_response_id"));
  CHECK(refused(R"(, "background": true)") == Json("background"));
  CHECK(refused(R"(, "include": ["file_search_call.results"])") == Json("include[0]"));
  CHECK(refused(R"(, "tools": [{"type": "web_search"}])") == Json("tools[0].type"));
}
