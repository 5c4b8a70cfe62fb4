#include "dspy/base/json.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// With the embedded model, which was never trained on tools: what it says is held to them all the same.

namespace dspy {
namespace {

const std::string tiny = (std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf").string();

Request question(std::uint64_t seed = 1) {
  auto parameters = parse_json(R"({"type":"object","properties":{"city":{"type":"string","maxLength":12},
    "unit":{"enum":["C","F"]}},"required":["city","unit"],"additionalProperties":false})");
  return {
      .messages = {{Role::system, "Answer, or call a tool."}, {Role::user, "How warm is it in Lima?"}},
      .sampling = {.max_tokens = 200, .temperature = 2, .seed = seed},
      .tools = {{.name = "weather", .description = "The weather of a city.", .parameters = parameters->as_object()}}};
}

TEST_CASE("a required call has the tool's name and arguments of its schema, whatever the model") {
  LlamaLM lm(tiny, {.engine = {.threads = 1}});
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    auto request = question(seed);
    request.tool_choice = {.mode = ToolChoice::Mode::required, .allowed = {}, .parallel = false};
    const auto reply = wait(lm.complete(request));
    const auto& completion = reply.completions.at(0);

    REQUIRE(completion.tool_calls.size() == 1);
    CHECK(completion.text.empty());
    CHECK(completion.finish == FinishReason::tool_calls);
    const auto& call = completion.tool_calls[0];
    CHECK(call.id == "call_1");
    CHECK(call.name == "weather");
    CHECK(call.input.at("city").is_string());
    CHECK((call.input.at("unit") == Json("C") || call.input.at("unit") == Json("F")));
    CHECK(std::ranges::contains(reply.adaptations, std::string("tools"), &Adaptation::field));
  }
}

TEST_CASE("a stream hands out a call whole, and no piece of it as text") {
  LlamaLM lm(tiny, {.engine = {.threads = 1}});
  auto request = question();
  request.tool_choice.mode = ToolChoice::Mode::required;
  std::string text;
  std::vector<std::string> inputs;
  const auto reply = wait(lm.stream(request, [&](const StreamEvent& event) {
    if (event.kind == StreamEvent::Kind::text) text += event.text;
    if (event.kind == StreamEvent::Kind::tool_call) inputs.emplace_back(event.text);
  }));

  CHECK(text.empty());
  REQUIRE_FALSE(inputs.empty());
  CHECK(inputs.size() == reply.completions.at(0).tool_calls.size());
  CHECK(parse_json(inputs[0])->as_object() == reply.completions.at(0).tool_calls[0].input);
}

TEST_CASE("the result of a call goes back, and the next call has another id") {
  LlamaLM lm(tiny, {.engine = {.threads = 1}});
  auto request = question();
  request.tool_choice = {.mode = ToolChoice::Mode::required, .allowed = {}, .parallel = false};
  const auto first = wait(lm.complete(request)).completions.at(0);
  request.messages.push_back(to_message(first));
  request.messages.push_back(
      {Role::tool, {ToolResultPart{.id = "call_1", .name = "weather", .content = {TextPart{"21 C"}}}}});
  const auto reply = wait(lm.complete(request));

  CHECK(reply.completions.at(0).tool_calls.at(0).id == "call_2");
  CHECK(*reply.usage.cache_read_tokens > 0);

  request.tools.clear();
  request.tool_choice = {};
  CHECK(wait(lm.complete(request)).completions.at(0).tool_calls.empty());
}

TEST_CASE("a model that may call a tool or answer by its contract does one of them") {
  LlamaLM lm(tiny, {.engine = {.threads = 1}});
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    auto request = question(seed);
    request.contract = {.form = OutputContract::Form::choices, .choices = {"warm", "cold"}};
    const auto completion = wait(lm.complete(request)).completions.at(0);
    CHECK((completion.text == "warm" || completion.text == "cold" || !completion.tool_calls.empty()));
    CHECK((completion.text.empty() || completion.tool_calls.empty()));
  }
}

}  // namespace
}  // namespace dspy
