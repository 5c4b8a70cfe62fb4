// Replies that are written otherwise than one would think.  docs/traps.md lists all traps.

#include "wire.hpp"

#include <string>

using namespace dspy;
using namespace dspy::test;

namespace {

std::string chat(std::string_view message, std::string_view finish = "stop") {
  return std::format(R"({{"id": "r", "choices": [{{"index": 0, "message": {}, "finish_reason": "{}"}}]}})", message,
                     finish);
}

std::string delta(std::string_view what, std::string_view finish = "") {
  return std::format(R"({{"id": "r", "choices": [{{"index": 0, "delta": {}{}}}]}})", what,
                     finish.empty() ? std::string() : std::format(R"(, "finish_reason": "{}")", finish));
}

}  // namespace

TEST_CASE("Trap 6: tool calls in fragments, however they are numbered") {
  struct Case {
    std::string_view what;
    std::string wire;
  };
  const std::vector<Case> cases = {
      {"no id on later fragments",
       events({delta(R"({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]})"),
               delta(R"({"tool_calls": [{"index": 0, "function": {"arguments": "{\"n\": "}}]})"),
               delta(R"({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]})"),
               delta(R"({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]})"),
               delta("{}", "tool_calls"), "[DONE]"})},
      {"the same index again",
       events(
           {delta(R"({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"n\": 1}"}}]})"),
            delta(R"({"tool_calls": [{"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}]})"),
            delta("{}", "tool_calls"), "[DONE]"})},
      {"all in one chunk",
       events({delta(R"({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"n\": 1}"}},
{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]})",
                     "tool_calls"),
               "[DONE]"})},
      {"no index",
       events({delta(R"({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{\"n\": 1}"}}]})"),
               delta(R"({"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "{}"}}]})"),
               delta("{}", "tool_calls"), "[DONE]"})},
      {"neither index nor id", events({delta(R"({"tool_calls": [{"function": {"name": "f", "arguments": "{\"n\": 1}"}},
{"function": {"name": "g", "arguments": "{}"}}]})"),
                                       delta("{}", "stop"), "[DONE]"})},
      {"one index for all and empty ids",
       events(
           {delta(R"({"tool_calls": [{"index": 0, "id": "", "function": {"name": "f", "arguments": "{\"n\": 1}"}}]})"),
            delta(R"({"tool_calls": [{"index": 0, "id": "", "function": {"name": "g", "arguments": "{}"}}]})"),
            delta("{}", "stop"), "[DONE]"})},
  };
  for (const auto& [what, wire] : cases) {
    for (const std::size_t piece : {0, 5}) {
      CAPTURE(what);
      const auto reply = read_stream("compatible", wire, piece);
      REQUIRE(reply.has_value());
      const auto& calls = reply->completion().tool_calls;
      REQUIRE(calls.size() == 2);
      CHECK(calls[0].name == "f");
      CHECK(calls[0].input == JsonObject{{"n", 1}});
      CHECK(calls[1].name == "g");
      CHECK(calls[1].input.empty());
      CHECK(calls[0].id != calls[1].id);
      CHECK_FALSE(calls[0].id.empty());
      CHECK(reply->completion().finish == FinishReason::tool_calls);
    }
  }
}

TEST_CASE("Trap 7: empty arguments are not arguments, not broken ones") {
  for (const auto* const arguments : {R"("")", R"(" ")", R"("{}")", "{}", "null"}) {
    CAPTURE(arguments);
    const auto reply = read_body(
        "openai",
        chat(std::format(R"({{"tool_calls": [{{"id": "a", "function": {{"name": "now", "arguments": {}}}}}]}})",
                         arguments),
             "tool_calls"));
    REQUIRE(reply.has_value());
    REQUIRE(reply->completion().tool_calls.size() == 1);
    CHECK(reply->completion().tool_calls[0].input.empty());
  }
}

TEST_CASE("Trap 8: a content that is null is not text") {
  const auto reply = read_body(
      "openai",
      chat(
          R"({"role": "assistant", "content": null, "refusal": null, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]})",
          "tool_calls"));
  REQUIRE(reply.has_value());
  CHECK(reply->text().empty());
  const auto streamed =
      read_stream("openai", events({delta(R"({"role": "assistant", "content": null})"), delta(R"({"content": "Hi"})"),
                                    delta(R"({"content": null})", "stop"), "[DONE]"}));
  REQUIRE(streamed.has_value());
  CHECK(streamed->text() == "Hi");
}

TEST_CASE("Trap 9: where [DONE] is the end its absence is a cut, and where it is not the reason to finish is") {
  const auto wire = events({delta(R"({"content": "Hi"})"), delta("{}", "stop")});
  const auto openai = read_stream("openai", wire);
  REQUIRE_FALSE(openai.has_value());
  CHECK(openai.error().code() == Errc::stream_broken);
  CHECK(openai.error().info().raw == "Hi");
  const auto compatible = read_stream("compatible", wire);
  REQUIRE(compatible.has_value());
  CHECK(compatible->text() == "Hi");
  CHECK(read_stream("openai", events({delta(R"({"content": "Hi"})")})).error().code() == Errc::stream_broken);
}

TEST_CASE("Trap 10: a status of 200 with an error is an error") {
  const std::string error = R"({"error": {"message": "the server is overloaded", "code": 503}})";
  CHECK(read_body("openrouter", error).error().code() == Errc::unavailable);
  CHECK(read_stream("openrouter", events({error})).error().code() == Errc::unavailable);
  CHECK(read_stream("openrouter", error, 0, {{"Content-Type", "application/json"}}).error().code() ==
        Errc::unavailable);
  const auto midway = read_stream("openrouter", events({delta(R"({"content": "Hi"})"), error}));
  CHECK(midway.error().code() == Errc::unavailable);
  CHECK(midway.error().info().raw == "Hi");
}

TEST_CASE("Trap 11: a reply with tool calls ends in tool calls, whatever reason it names") {
  const auto call = R"({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]})";
  CHECK(read_body("openai", chat(call, "stop"))->completion().finish == FinishReason::tool_calls);
  const auto gemini = read_body(
      "gemini",
      R"({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {}}}]}, "finishReason": "STOP"}]})");
  CHECK(gemini->completion().finish == FinishReason::tool_calls);
  const auto ollama = read_body(
      "ollama",
      R"({"message": {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, "done": true, "done_reason": "stop"})");
  CHECK(ollama->completion().finish == FinishReason::tool_calls);
  // A reply that was cut is cut, calls or not.
  CHECK(read_body("openai", chat(call, "length"))->completion().finish == FinishReason::length);
}

TEST_CASE("Trap 17: blank lines before the JSON are waited through") {
  const auto reply = read_body("deepseek", "\n\n \r\n" + chat(R"({"content": "Hi"})"));
  REQUIRE(reply.has_value());
  CHECK(reply->text() == "Hi");
}

TEST_CASE("Trap 18: a character that is cut between two reads, or two deltas, is whole") {
  const auto wire =
      events({delta(R"({"content": "a😀"})"), delta(R"({"content": "\ud83d\ude00é"})", "stop"), "[DONE]"});
  for (std::size_t piece = 1; piece < 9; ++piece) {
    const auto reply = read_stream("openai", wire, piece);
    REQUIRE(reply.has_value());
    CHECK(reply->text() == "a😀😀é");
  }
  // An argument's emoji in two fragments of the text of the JSON.
  const auto call = read_stream(
      "openai",
      events(
          {delta(
               R"({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"q\": \"\\ud83d"}}]})"),
           delta(R"({"tool_calls": [{"index": 0, "function": {"arguments": "\\ude00\"}"}}]})", "tool_calls"),
           "[DONE]"}));
  REQUIRE(call.has_value());
  CHECK(call->completion().tool_calls.at(0).input == JsonObject{{"q", "😀"}});
}

TEST_CASE("Trap 39: a proxy that takes the type of the stream away, or holds it back, changes nothing") {
  const auto wire = events({delta(R"({"content": "Hi"})", "stop"), "[DONE]"});
  for (const auto* const type : {"text/plain", "application/octet-stream", ""}) {
    CAPTURE(type);
    const auto reply = read_stream("openai", wire, 0, {{"Content-Type", type}});
    REQUIRE(reply.has_value());
    CHECK(reply->text() == "Hi");
  }
  // One that collects the stream and calls it JSON has made it no JSON object; that is told, with what came.
  const auto whole = read_stream("openai", chat(R"({"content": "Hi"})"), 0, {{"Content-Type", "application/json"}});
  REQUIRE(whole.has_value());
  CHECK(whole->text() == "Hi");
}

TEST_CASE("Trap 40: Ollama is told not to cut the prompt, and to say so instead") {
  const Remote remote("ollama");
  remote.transport->reply({.headers = type_of(Api::ollama, false),
                           .body = R"({"message": {"content": "Hi"}, "done": true, "done_reason": "stop"})"});
  wait(remote.lm->complete(plain_question));
  const auto sent = parse_json(remote.transport->requests().at(0).body);
  REQUIRE(sent.has_value());
  CHECK(sent->as_object().at("truncate") == Json(false));
  const auto long_prompt = read_body("ollama", R"({"error": "the input length exceeds the context length"})");
  REQUIRE_FALSE(long_prompt.has_value());
  CHECK(long_prompt.error().code() == Errc::context_too_long);
}
