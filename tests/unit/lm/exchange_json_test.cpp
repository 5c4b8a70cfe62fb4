#include "dspy/lm/exchange_json.hpp"

#include "dspy/base/error.hpp"
#include "unit/lm/lm15.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace dspy;

namespace {

JsonObject object(std::string_view text) {
  return parse_json(text).value().as_object();
}

/// Every part there is, most with a continuation.
constexpr std::string_view all_parts = R"([
  {"type": "text", "text": "Look: ", "continuation": {"signature": "abc"}},
  {"type": "image", "data": "aGk=", "media_type": "image/png"},
  {"type": "image", "url": "https://example.org/cat.png"},
  {"type": "audio", "file_id": "file-1", "media_type": "audio/wav"},
  {"type": "video", "path": "film.mp4"},
  {"type": "document", "data": "aGk=", "media_type": "application/pdf", "continuation": 7},
  {"type": "binary", "data": ""},
  {"type": "tool_call", "id": "c1", "name": "find", "input": {"q": [1, 2.5, null]}, "continuation": "x"},
  {"type": "tool_result", "id": "c1", "content": [{"type": "text", "text": "found"},
                                                  {"type": "image", "file_id": "f"}], "name": "find", "is_error": true},
  {"type": "thinking", "text": "Hm.", "continuation": {"encrypted": "…"}},
  {"type": "refusal", "text": "No."},
  {"type": "citation", "url": "https://example.org", "title": "T", "text": "passage"},
  {"type": "data", "value": {"label": "a"}, "probabilities": {"a": 0.75, "b": 0.25}, "method": "logprobs"}
])";

JsonObject lm15_request() {
  auto request = object(R"({
    "model": "m", "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Really."}],
    "messages": [{"role": "developer", "parts": [{"type": "text", "text": "d"}], "continuation": {"id": 5}},
                 {"role": "user", "parts": []}, {"role": "tool", "parts": []}],
    "tools": [{"name": "find", "description": "Finds.", "parameters": {"type": "object"}}],
    "config": {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 18446744073709551615,
               "frequency_penalty": -0.5, "presence_penalty": 0.25, "logprobs": 0, "stop": ["a", "b"],
               "response_format": {"schema": {"type": "object"}, "name": "Answer", "strict": false},
               "tool_choice": {"mode": "required", "allowed": ["find"], "parallel": false},
               "reasoning": {"effort": "xhigh", "thinking_budget": 1000, "summary": "auto"},
               "cache": {"mode": "off", "retention": "long", "key": "k", "prefix": "history", "prefix_until_index": 0,
                         "resource": "r"},
               "probabilities": "required", "service_tier": "flex", "user_id": "u", "store": false,
               "extensions": {"safety": {"level": 1}}}})");
  request["messages"].as_array().push_back(JsonObject{{"role", "assistant"}, {"parts", parse_json(all_parts).value()}});
  return request;
}

JsonObject lm15_response() {
  auto response = object(R"({
    "id": "r1", "model": "m-2026", "message": {"role": "assistant", "parts": []}, "finish_reason": "tool_call",
    "usage": {"input": 0, "output": 3, "total": 9, "cache_write": 2, "reasoning": 0, "input_audio": 1},
    "logprobs": [{"token": "a", "logprob": -0.5}], "logprobs_complete": false, "provider_data": {"region": "eu"},
    "adaptations": [{"field": "config.top_k", "action": "dropped", "reason": "not known", "asked": 3, "applied": null},
                    {"field": "config.temperature", "action": "clamped", "reason": "", "asked": 3.5, "applied": 2.0}]})");
  response["message"].as_object()["parts"] = parse_json(all_parts).value();
  return response;
}

}  // namespace

TEST_CASE("lm15's requests and responses become ours and come back without a loss") {
  const auto asked = lm15_request();
  const auto answered = lm15_response();

  CHECK(lm15::to_lm15(lm15::request(asked), "m") == asked);
  CHECK(lm15::to_lm15(lm15::response(answered)) == answered);
  for (const auto* const effort : {"off", "minimal", "low", "medium", "high", "xhigh", "max"}) {
    auto other = asked;
    other["config"].as_object()["reasoning"].as_object()["effort"] = effort;
    CHECK(lm15::to_lm15(lm15::request(other), "m") == other);
  }
  for (const auto* const finish : {"stop", "length", "tool_call", "content_filter", "error"}) {
    auto other = answered;
    other["finish_reason"] = finish;
    CHECK(lm15::to_lm15(lm15::response(other)) == other);
  }
  const auto any_json = object(R"({"model": "m", "messages": [], "config": {"response_format": {}}})");
  CHECK(lm15::to_lm15(lm15::request(any_json), "m") == any_json);
}

TEST_CASE("Requests and replies written as JSON are read back equal") {
  auto request = lm15::request(lm15_request());
  request.prefill = {.reasoning = "Hm.", .text = "{"};
  request.n = 3;
  request.sampling.field_temperatures = {{"label", 0}};
  request.contract = {.form = OutputContract::Form::json,
                      .signature = std::make_shared<const Signature>(Signature::parse(
                          "q -> label: Literal['a', 'b'], n: Annotated[int, Field(ge=0)], more: Optional[list[str]]")),
                      .may_think = true};
  auto reply = lm15::response(lm15_response());
  reply.completion().closed_early = {"label", ""};
  reply.completion().resume_points = {{"label", 5}};
  reply.completion().unenforced = {"a pattern"};
  reply.completion().logprobs.push_back(
      {.text = "x", .logprob = -1, .forced = true, .field = "label", .top = {{"x", -1}, {"y", -2}}});
  reply.completions.emplace_back().text = "another";

  CHECK(request_from_json(to_json(request)) == request);
  CHECK(reply_from_json(to_json(reply)) == reply);
  CHECK(request_from_json(to_json(Request())) == Request());
  CHECK(to_text(to_json(request_from_json(to_json(request)))) == to_text(to_json(request)));
}

TEST_CASE("Equal requests have equal digests, and each difference changes it") {
  const auto base = lm15::request(lm15_request());
  std::vector<Request> others(12, base);
  others[0].messages.push_back({Role::user, "more"});
  others[1].messages[0] = {Role::user, "Be brief.Really."};
  others[2].sampling.temperature = 0;
  others[3].contract.form = OutputContract::Form::text;
  others[4].prefill.text = "a";
  std::vector<ToolDefinition> tools(base.tools.begin(), base.tools.end());
  tools.front().description = "Finds more.";
  others[5].tools = std::move(tools);
  others[6].tool_choice.parallel.reset();
  others[7].n = 2;
  others[8].provider = nullptr;
  others[9].sampling.logprobs.reset();
  others[10].sampling.stop = {"a"};
  others[11].contract.signature = std::make_shared<const Signature>(Signature::parse("a -> b"));
  auto copy = base;
  copy.deadline = std::chrono::steady_clock::now();

  CHECK(digest(base).size() == 64);
  CHECK(digest(copy) == digest(base));
  CHECK(copy == base);
  for (std::size_t i = 0; i < others.size(); ++i) {
    CAPTURE(i);
    CHECK(digest(others[i]) != digest(base));
    CHECK(others[i] != base);
  }
}

TEST_CASE("A member of JSON that is unknown or of the wrong kind is an error that names it") {
  const auto message_of = [](std::string_view text, auto read) {
    const auto in = object(text);
    const auto result = attempt([&] { return read(in); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::config_error);
    return std::string(result.error().what());
  };

  CHECK(message_of(R"({"role": "robot", "content": ""})", message_from_json) ==
        "`role` of a message must be system, developer, user, assistant or tool, not \"robot\"");
  CHECK(message_of(R"({"role": "user", "content": "", "name": "x"})", message_from_json) ==
        "a message has no member `name`");
  CHECK(message_of(R"({"type": "image", "data": "?"})", part_from_json) ==
        "`data` of a part must be base64, not \"?\"");
  CHECK(message_of(R"({"type": "smell"})", part_from_json).starts_with("`type` of a part must be a kind of part"));
  CHECK(message_of(R"({"messages": {}})", request_from_json) == "`messages` of a request must be a list, not {}");
  CHECK(message_of(R"({"n": 1.5})", request_from_json) == "`n` of a request must be a whole number, not 1.5");
  CHECK(message_of(R"({"usage": {"prompt_tokens": -1}})", reply_from_json).contains("usage.prompt_tokens"));
}

TEST_CASE("A message becomes a completion and comes back as it was") {
  const Message plain(Role::assistant, "Paris");
  const Message several(Role::assistant, std::vector<Part>{TextPart{"a"}, ToolCallPart{"1", "f", {}}, TextPart{"b"}});

  const auto simple = to_completion(plain);
  const auto mixed = to_completion(several);

  CHECK(simple.text == "Paris");
  CHECK(simple.parts.empty());
  CHECK(mixed.text == "ab");
  CHECK(mixed.tool_calls.size() == 1);
  CHECK(mixed.parts.size() == 3);
  CHECK(to_message(simple) == plain);
  CHECK(to_message(mixed) == several);
}
