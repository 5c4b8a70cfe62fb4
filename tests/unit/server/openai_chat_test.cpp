#include "protocol_client.hpp"

using namespace dspy;
using test::parsed;
using test::ProtocolClient;

namespace {

std::shared_ptr<ScriptedLM> says(Reply reply) {
  return std::make_shared<ScriptedLM>([reply](const Request&) { return reply; });
}

Completion text(std::string what) {
  return {.text = std::move(what)};
}

}  // namespace

TEST_CASE("a chat request becomes a request with all that it says") {
  const auto lm = says(Reply(text("blue")));
  ProtocolClient client(test::catalog_of(lm));

  const auto answer = client.post_text("/v1/chat/completions", R"({
    "model": "model",
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                                   {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}]},
      {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
        "function": {"name": "find", "arguments": "{\"q\": 1}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "found"}
    ],
    "temperature": 0.5, "top_p": 0.9, "max_completion_tokens": 9, "stop": ["x"], "seed": 3, "n": 2,
    "frequency_penalty": 0.1, "presence_penalty": 0.2, "logprobs": true, "top_logprobs": 2, "user": "u",
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": true}},
    "tools": [{"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "find"}}, "parallel_tool_calls": false,
    "reasoning_effort": "low"
  })");

  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  REQUIRE(lm->requests().size() == 1);
  const auto request = lm->requests().front();
  REQUIRE(request.messages.size() == 4);
  CHECK(request.messages[0] == Message(Role::system, "Be brief."));
  const auto* const image = request.messages[1].parts.at(1).get<MediaPart>();
  REQUIRE(image != nullptr);
  CHECK(image->data == Bytes{std::byte{'h'}, std::byte{'i'}});
  CHECK(image->media_type == "image/png");
  CHECK(image->detail == "low");
  CHECK(*request.messages[2].parts.at(0).get<ToolCallPart>() ==
        ToolCallPart{.id = "c1", .name = "find", .input = {{"q", 1}}});
  const auto* const result = request.messages[3].parts.at(0).get<ToolResultPart>();
  REQUIRE(result != nullptr);
  CHECK(result->name == "find");
  CHECK(request.sampling == Sampling{.max_tokens = 9,
                                     .temperature = 0.5,
                                     .top_p = 0.9,
                                     .frequency_penalty = 0.1,
                                     .presence_penalty = 0.2,
                                     .seed = 3,
                                     .stop = {"x"},
                                     .logprobs = 2});
  CHECK(request.n == 2);
  CHECK(request.contract.form == OutputContract::Form::schema);
  CHECK(request.contract.strict == true);
  CHECK(request.tools.at(0).name == "find");
  CHECK(request.tool_choice.mode == ToolChoice::Mode::required);
  CHECK(request.tool_choice.allowed == std::vector<std::string>{"find"});
  CHECK(request.tool_choice.parallel == false);
  CHECK(request.provider_options().reasoning.effort == ReasoningOptions::Effort::low);
}

TEST_CASE("a reply becomes a chat completion") {
  Completion completion{.text = "Let me see.", .reasoning = "hm"};
  completion.tool_calls.push_back({.id = "c1", .name = "find", .input = {{"q", 1}}});
  completion.finish = FinishReason::tool_calls;
  completion.logprobs = {{.text = "\xC3", .logprob = -0.5, .top = {{"a", -1.0}}}};
  Reply reply(
      completion,
      {.requests = 1, .prompt_tokens = 10, .completion_tokens = 4, .cache_read_tokens = 6, .cost_nanodollars = 1500});
  ProtocolClient client(test::catalog_of(says(reply)));

  const auto answer =
      client.post("/v1/chat/completions", parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}],
                                             "logprobs": true, "top_logprobs": 1})"));

  const auto body = answer.json();
  CHECK(body.at("object") == Json("chat.completion"));
  CHECK(body.at("model") == Json("model"));
  const auto& choice = body.at("choices").at(0);
  CHECK(choice.at("finish_reason") == Json("tool_calls"));
  CHECK(choice.at("message").at("content") == Json("Let me see."));
  CHECK(choice.at("message").at("reasoning_content") == Json("hm"));
  CHECK(choice.at("message").at("tool_calls").at(0) ==
        parsed(R"({"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{\"q\":1}"}})"));
  CHECK(choice.at("logprobs").at("content").at(0) == parsed(R"({"token": "�", "logprob": -0.5, "bytes": [195],
                   "top_logprobs": [{"token": "a", "logprob": -1.0, "bytes": [97]}]})"));
  CHECK(body.at("usage") == parsed(R"({"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14,
                                       "prompt_tokens_details": {"cached_tokens": 6}, "cost": 1.5e-6})"));
  CHECK(answer.headers.find("dspy-cost") == "1.5e-06");
  CHECK(answer.headers.find("x-request-id").has_value());
}

TEST_CASE("a chat stream joins to the reply, and ends with usage where one asks for it") {
  ProtocolClient client(test::catalog_of(std::make_shared<ScriptedLM>(std::deque<std::string>{"one two  three "})));

  const auto answer = client.post(
      "/v1/chat/completions", parsed(R"({"model": "model", "stream": true, "stream_options": {"include_usage": true},
                                         "messages": [{"role": "user", "content": "some words"}]})"));

  CHECK(answer.status == 200);
  CHECK(answer.headers.find("Content-Type") == "text/event-stream");
  CHECK(answer.body.ends_with("data: [DONE]\n\n"));
  std::string said;
  std::size_t pieces = 0;
  Json finish;
  const auto events = answer.events();
  for (const auto& event : events) {
    CHECK(event.at("id") == events.front().at("id"));
    for (const auto& choice : event.at("choices").get_array()) {
      if (const auto* const content = choice.at("delta").get_object().if_contains("content")) {
        said += view(content->get_string());
        ++pieces;
      }
      if (!choice.at("finish_reason").is_null()) finish = choice.at("finish_reason");
    }
  }
  CHECK(said == "one two  three ");
  CHECK(pieces > 3);  // the role, and a word each
  CHECK(finish == Json("stop"));
  CHECK(events.back().at("usage").at("completion_tokens") == Json(3));
}

TEST_CASE("a stream tells logprobs, calls and several choices at its end") {
  Reply reply(text("a"));
  reply.completions.push_back(text("b"));
  reply.completions.back().finish = FinishReason::length;
  ProtocolClient client(test::catalog_of(says(reply)));

  const auto answer = client.post("/v1/chat/completions", parsed(R"({"model": "model", "stream": true, "n": 2,
                                             "messages": [{"role": "user", "content": "q"}]})"));

  std::vector<std::string> said(2);
  std::vector<Json> finish(2);
  for (const auto& event : answer.events()) {
    const auto& choice = event.at("choices").at(0).get_object();
    const auto index = choice.at("index").to_number<std::size_t>();
    if (const auto* const content = choice.at("delta").get_object().if_contains("content"))
      said.at(index) += view(content->get_string());
    if (!choice.at("finish_reason").is_null()) finish.at(index) = choice.at("finish_reason");
  }
  CHECK(said == std::vector<std::string>{"a", "b"});
  CHECK(finish == std::vector<Json>{"stop", "length"});
}

TEST_CASE("what is not honoured is refused by name") {
  ProtocolClient client(test::catalog_of(says(Reply(text("x")))));
  const auto refused = [&](std::string_view more) {
    const auto answer = client.post_text(
        "/v1/chat/completions",
        R"({"model": "model", "messages": [{"role": "user", "content": "q"}])" + std::string(more) + "}");
    CHECK_MESSAGE(answer.status == 400, answer.body);
    return answer.json().at("error").at("param");
  };

  CHECK(refused(R"(, "logit_bias": {"5": 100})") == Json("logit_bias"));
  CHECK(refused(R"(, "store": true)") == Json("store"));
  CHECK(refused(R"(, "modalities": ["text", "audio"])") == Json("modalities"));
  CHECK(refused(R"(, "web_search_options": {})") == Json("web_search_options"));
  CHECK(refused(R"(, "temperature": "hot")") == Json("temperature"));
  CHECK(refused(R"(, "n": 0)") == Json("n"));
  CHECK(refused(R"(, "max_tokens": 0)") == Json("max_tokens"));
  CHECK(refused(R"(, "top_logprobs": 2)") == Json("top_logprobs"));
  CHECK(refused(R"(, "tools": [{"type": "custom", "custom": {}}])") == Json("tools[0].type"));
  CHECK(refused(R"(, "response_format": {"type": "json_schema", "json_schema": {"name": "a"}})") ==
        Json("response_format.json_schema.schema"));
  CHECK(refused(R"(, "inputs": {"a": 1})") == Json("inputs"));
}

TEST_CASE("null, and what is the default anyway, are not requests") {
  ProtocolClient client(test::catalog_of(says(Reply(text("x")))));

  const auto answer = client.post(
      "/v1/chat/completions",
      parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}], "logit_bias": {}, "store": false,
                 "n": 1, "modalities": ["text"], "web_search_options": null, "audio": null, "service_tier": "auto"})"));

  CHECK_MESSAGE(answer.status == 200, answer.body);
}

TEST_CASE("errors have OpenAI's shape and the right status, before a stream begins as well") {
  const auto failing = [](Error error) {
    return std::make_shared<ScriptedLM>(
        std::function<Reply(const Request&)>([error](const Request&) -> Reply { throw error; }));
  };
  const auto ask = [&](Error error, bool is_stream) {
    ProtocolClient client(test::catalog_of(failing(std::move(error))));
    return client.post("/v1/chat/completions",
                       JsonObject{{"model", "model"},
                                  {"stream", is_stream},
                                  {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", "q"}}}}});
  };

  for (const bool is_stream : {false, true}) {
    const auto too_long = ask({Errc::context_too_long, "the prompt has 9 tokens where 8 fit"}, is_stream);
    CHECK(too_long.status == 400);
    CHECK(too_long.json().at("error").at("code") == Json("context_length_exceeded"));
    CHECK(too_long.json().at("error").at("type") == Json("invalid_request_error"));
    const auto busy = ask(
        {Errc::rate_limit_exceeded, "the queue is full", {.retry_after = std::chrono::milliseconds(1500)}}, is_stream);
    CHECK(busy.status == 429);
    CHECK(busy.headers.find("Retry-After") == "2");
    // The provider refuses *our* key: the client's own is fine.
    CHECK(ask({Errc::authentication_failed, "no"}, is_stream).status == 502);
  }
  ProtocolClient client(test::catalog_of(says(Reply(text("x"))), "modell"));
  const auto unknown = client.post("/v1/chat/completions",
                                   parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}]})"));
  CHECK(unknown.status == 404);
  CHECK(unknown.json().at("error").at("code") == Json("model_not_found"));
  CHECK(std::string(unknown.json().at("error").at("message").as_string()).contains("`modell`"));
}

TEST_CASE("a refusal, a cut reply and a withheld one have their own finish") {
  const auto finish = [](Completion completion) {
    ProtocolClient client(test::catalog_of(says(Reply(std::move(completion)))));
    return client
        .post("/v1/chat/completions", parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}]})"))
        .json()
        .at("choices")
        .at(0);
  };

  CHECK(finish({.text = "x", .finish = FinishReason::length}).at("finish_reason") == Json("length"));
  CHECK(finish({.finish = FinishReason::content_filter}).at("finish_reason") == Json("content_filter"));
  const auto refused = finish({.refusal = "I will not."});
  CHECK(refused.at("message").at("refusal") == Json("I will not."));
  CHECK(refused.at("message").at("content").is_null());
}

TEST_CASE("what a backend did otherwise is told") {
  Reply reply(text("x"));
  reply.adaptations.push_back({.field = "sampling.seed", .reason = "no such option"});
  ProtocolClient client(test::catalog_of(says(reply)));

  const auto body =
      client
          .post("/v1/chat/completions", parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}]})"))
          .json();

  CHECK(body.at("dspy").at("adaptations").at(0).at("field") == Json("sampling.seed"));
}

TEST_CASE("a caller whose key names models may use those alone") {
  auto catalog = test::catalog_of(says(Reply(text("x"))), "model");
  catalog->put(server::ServedModel{.name = "other", .lm = says(Reply(text("y")))});
  ProtocolClient client(catalog);
  client.caller = {.key = "k", .scopes = {"invoke", "model:oth*"}};
  const auto ask = [&](std::string_view name) {
    return client.post(
        "/v1/chat/completions",
        JsonObject{{"model", name}, {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", "q"}}}}});
  };

  CHECK(ask("other").status == 200);
  CHECK(ask("model").status == 403);
  CHECK(ask("model").json().at("error").at("type") == Json("permission_error"));
  // Nor is it told which others there are.
  CHECK_FALSE(ask("othermodel").body.contains("`model`"));
  const auto listed = client.get("/v1/models").json();
  CHECK(listed.at("data").get_array().size() == 1);
}
