// Tool calls as they grow: the same events whether a model writes calls as text or natively.

#include "agents/loop/call_stream.hpp"

#include "dspy/agents/react.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <format>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace dspy;

Tools tools() {
  return {{"money.convert", "Converts money.", [](double amount) { return amount * 2; }, args("amount")}};
}

/// `field=text`, and `.` where a field is done.
struct Heard {
  FieldSink sink() {
    return [this](const FieldEvent& event) {
      const auto text = std::format("{}={}{}", event.field, event.text, event.done ? "." : "");
      events.push_back(text);
    };
  }
  std::vector<std::string> events = {};
};

/// Writes a thought and a call in pieces, then submits.
class PiecewiseLM final : public LM {
 public:
  std::string_view model() const noexcept override { return "piecewise"; }
  Capabilities capabilities() const override { return {.tools = true, .streams = true}; }
  Async<Reply> complete(Request request) override { return reply(request.messages.size() > 2, {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return reply(request.messages.size() > 2, std::move(sink));
  }

 private:
  static Async<Reply> reply(bool is_last, EventSink sink) {
    using Kind = StreamEvent::Kind;
    Completion completion{.finish = FinishReason::tool_calls};
    if (is_last) {
      completion.tool_calls = {{.id = "c2", .name = "submit", .input = {{"answer", "7"}}}};
    } else {
      completion.reasoning = "I convert.";
      completion.tool_calls = {{.id = "c0", .name = "money_convert", .input = {{"amount", 3}}},
                               {.id = "c1", .name = "money_convert", .input = {{"amount", 4}}}};
      if (sink) {
        sink({.kind = Kind::reasoning, .text = "I con"});
        sink({.kind = Kind::reasoning, .text = "vert."});
        const Part first(completion.tool_calls[0]);
        const Part second(completion.tool_calls[1]);
        sink({.kind = Kind::tool_call, .text = "", .part_index = 1, .part = &first});
        sink({.kind = Kind::tool_call, .text = R"({"amo)", .part_index = 1, .part = &first});
        sink({.kind = Kind::tool_call, .text = R"(unt":3})", .part_index = 1, .part = &first});
        sink({.kind = Kind::tool_call, .text = R"({"amount":4})", .part_index = 2, .part = &second});
      }
    }
    co_return Reply(std::move(completion), {.requests = 1});
  }
};

}  // namespace

TEST_CASE("native calls are told of as they grow, under the tools' own names") {
  const ReActAgent agent(Signature::parse("question -> answer"), tools(),
                         {.predictor = {.lm = std::make_shared<PiecewiseLM>()}});
  Heard heard;
  const auto outcome = wait(agent.astart({{"question", "?"}}, {}, heard.sink()));
  CHECK(outcome.prediction.at("answer") == Json("7"));
  CHECK(outcome.prediction.at("trajectory").at("observation_1") == Json(8.0));
  CHECK(heard.events == std::vector<std::string>{"next_thought=I con", "next_thought=vert.", "next_thought=.",
                                                 "next_tool_name=money.convert.", R"(next_tool_args={"amo)",
                                                 R"(next_tool_args=unt":3})", "next_tool_args=.",
                                                 "next_tool_name=money.convert.", R"(next_tool_args={"amount":4})",
                                                 "next_tool_args=.", "next_tool_name=submit.",
                                                 R"(next_tool_args={"answer":"7"})", "next_tool_args=."});
}

TEST_CASE("without anybody who listens, nothing is streamed") {
  const ReActAgent agent(Signature::parse("question -> answer"), tools(),
                         {.predictor = {.lm = std::make_shared<PiecewiseLM>()}});
  CHECK(agent({{"question", "?"}}).at("answer") == Json("7"));
}

TEST_CASE("what a listener throws ends the run") {
  const ReActAgent agent(Signature::parse("question -> answer"), tools(),
                         {.predictor = {.lm = std::make_shared<PiecewiseLM>()}});
  const FieldSink refusing = [](const FieldEvent& event) {
    if (event.field == "next_tool_args") throw Error(Errc::cancelled, "enough");
  };
  CHECK_THROWS_WITH_AS(wait(agent.astart({{"question", "?"}}, {}, refusing)), "enough", Error);
}

TEST_CASE("calls that no event told of are told when the reply is whole") {
  const auto given = tools();
  Heard heard;
  const auto sink = heard.sink();
  CallStream stream(given, sink);
  stream.take({.kind = StreamEvent::Kind::text, .text = "Hm."});
  stream.finish({.text = "Hm.", .tool_calls = {{.id = "c", .name = "unknown", .input = JsonObject()}}});
  CHECK(heard.events == std::vector<std::string>{"next_thought=Hm.", "next_thought=.", "next_tool_name=unknown.",
                                                 "next_tool_args={}", "next_tool_args=."});
}
