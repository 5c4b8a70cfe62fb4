#include "dspy/lm/tracing/open_inference.hpp"

#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::string text_of(const JsonObject& span, std::string_view name) {
  for (const auto& each : span.at("attributes").as_array())
    if (view(each.at("key").get_string()) == name) return to_text(each.at("value"));
  return {};
}

}  // namespace

TEST_CASE("Spans get the names of OpenInference beside those of OpenTelemetry") {
  std::mutex mutex;
  std::vector<JsonObject> spans;
  const auto collect = [&](std::string_view body) {
    const std::lock_guard lock(mutex);
    const auto json = parse_json(body).value();
    for (const auto& span : json.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array())
      spans.push_back(span.get_object());
    return OtlpSent::ok;
  };
  const auto trace = std::make_shared<OtlpTrace>(OtlpOptions{.send = open_inference(collect), .has_content = true});
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: Paris"});
  const auto program = with_context(Predict<>("question -> answer", {.lm = lm}), {.trace = trace});

  program({{"question", "What is the capital of France?"}});
  REQUIRE(trace->flush(std::chrono::seconds(5)));

  const std::lock_guard lock(mutex);
  REQUIRE(spans.size() == 2);
  const auto& request = spans[0];
  CHECK(text_of(request, "openinference.span.kind") == R"({"stringValue":"LLM"})");
  CHECK(text_of(request, "llm.model_name") == R"({"stringValue":"scripted"})");
  CHECK(text_of(request, "llm.token_count.prompt") == text_of(request, "gen_ai.usage.input_tokens"));
  CHECK(text_of(request, "llm.token_count.completion") == R"({"intValue":"2"})");
  CHECK_FALSE(text_of(request, "llm.token_count.total").empty());
  CHECK(text_of(request, "input.value").contains("France"));
  CHECK(text_of(request, "input.mime_type") == R"({"stringValue":"application/json"})");
  CHECK(text_of(request, "output.value").contains("Paris"));
  CHECK(text_of(spans[1], "openinference.span.kind") == R"({"stringValue":"CHAIN"})");
}

TEST_CASE("What is no body of spans is sent as it is") {
  std::string sent;
  const auto send = open_inference([&](std::string_view body) {
    sent = body;
    return OtlpSent::refused;
  });

  CHECK(send("not JSON") == OtlpSent::refused);
  CHECK(sent == "not JSON");
  send(R"({"resourceSpans":[5,{"scopeSpans":[{"spans":[{"name":"x"},7]}]}]})");
  CHECK(sent == R"({"resourceSpans":[5,{"scopeSpans":[{"spans":[{"name":"x"},7]}]}]})");
}
