#include "dspy/agents/react.hpp"
#include "dspy/agents/trajectory.hpp"
#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

using Kind = AgentEvent::Kind;

/// A run of two turns: one call that came back, one that was about to be made when the process died.
std::vector<AgentEvent> events() {
  Usage asked{.requests = 1, .prompt_tokens = 100, .completion_tokens = 20};
  return {
      {.kind = Kind::begun, .at = 1'000, .agent = "travel", .inputs = {{"request", "Rome"}}, .text = "run-1"},
      {.kind = Kind::turn,
       .at = 1'200,
       .text = "I look.",
       .calls = {{.id = "call_0_0", .tool = "price", .arguments = {{"city", "Rome"}}}},
       .usage = asked},
      {.kind = Kind::started, .at = 1'201, .call = "call_0_0"},
      {.kind = Kind::finished, .at = 1'300, .call = "call_0_0", .outcome = {.value = 120}},
      {.kind = Kind::turn,
       .at = 1'500,
       .calls = {{.id = "call_1_0", .tool = "book", .arguments = {{"city", "Rome"}}}},
       .usage = asked},
      {.kind = Kind::started, .at = 1'501, .call = "call_1_0"},
  };
}

const JsonArray& spans_of(const JsonObject& otlp) {
  return otlp.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array();
}

std::string attribute(const Json& span, std::string_view key) {
  for (const auto& each : span.at("attributes").as_array())
    if (view(each.at("key").as_string()) == key) return to_text(each.at("value"));
  return {};
}

}  // namespace

TEST_CASE("a run is a span of OpenTelemetry with its requests and calls in it") {
  const auto otlp = to_otlp(events(), "small");
  const auto& spans = spans_of(otlp);
  REQUIRE(spans.size() == 5);
  CHECK(spans[0].at("name") == "invoke_agent travel");
  CHECK(spans[1].at("name") == "chat small");
  CHECK(spans[2].at("name") == "execute_tool price");
  CHECK(spans[4].at("name") == "execute_tool book");
  CHECK(attribute(spans[0], "gen_ai.operation.name") == R"({"stringValue":"invoke_agent"})");
  CHECK(attribute(spans[0], "gen_ai.usage.input_tokens") == R"({"intValue":"200"})");
  CHECK(attribute(spans[0], "gen_ai.conversation.id") == R"({"stringValue":"run-1"})");
  CHECK(attribute(spans[2], "gen_ai.tool.call.id") == R"({"stringValue":"call_0_0"})");
  CHECK(spans[0].at("startTimeUnixNano") == "1000000000");
  CHECK(spans[1].at("startTimeUnixNano") == "1000000000");
  CHECK(spans[1].at("endTimeUnixNano") == "1200000000");
  CHECK(spans[2].at("startTimeUnixNano") == "1201000000");
  CHECK(spans[2].at("endTimeUnixNano") == "1300000000");
  // What nobody knows is an error, and so is a run that is not done.
  CHECK(spans[4].at("status").at("code") == 2);
  CHECK(attribute(spans[4], "error.type") == R"({"stringValue":"unknown_outcome"})");
  CHECK(spans[0].at("status").at("code") == 2);

  std::set<std::string> ids;
  for (const auto& span : spans) {
    CHECK(span.at("traceId") == spans[0].at("traceId"));
    CHECK(span.at("traceId").as_string().size() == 32);
    CHECK(span.at("spanId").as_string().size() == 16);
    ids.emplace(view(span.at("spanId").as_string()));
    if (&span != &spans[0]) CHECK(span.at("parentSpanId") == spans[0].at("spanId"));
  }
  CHECK(ids.size() == spans.size());
  CHECK(to_otlp(events(), "small") == otlp);  // a second export is not a second run
}

TEST_CASE("contents are in spans only where they were asked for") {
  CHECK_FALSE(to_text(Json(to_otlp(events()))).contains("Rome"));
  const auto all = to_otlp(events(), {}, true);
  const auto& spans = spans_of(all);
  CHECK(attribute(spans[0], "dspy.inputs").contains("Rome"));
  CHECK(attribute(spans[1], "dspy.thought") == R"({"stringValue":"I look."})");
  CHECK(attribute(spans[2], "gen_ai.tool.call.arguments").contains("Rome"));
  CHECK(attribute(spans[2], "gen_ai.tool.call.result") == R"({"stringValue":"120"})");
  CHECK(spans[1].at("name") == "chat");
}

TEST_CASE("a run that is done has its reason; an empty journal has no spans") {
  auto all = events();
  all.resize(4);
  all.push_back({.kind = Kind::ended, .at = 1'600, .end = AgentEnd::finish});
  all.push_back({.kind = Kind::done, .at = 1'700, .outputs = {{"total", 120}}, .usage = {.requests = 1}});
  const auto otlp = to_otlp(all);
  const auto& spans = spans_of(otlp);
  REQUIRE(spans.size() == 4);
  CHECK_FALSE(spans[0].as_object().contains("status"));
  CHECK(attribute(spans[0], "dspy.termination_reason") == R"({"stringValue":"finish"})");
  CHECK(spans[0].at("endTimeUnixNano") == "1700000000");
  CHECK_THROWS_AS(to_otlp({}), Error);
}
