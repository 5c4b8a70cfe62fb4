// What a trace is told of an agent: every span that begins ends, whatever ends the run.

#include "dspy/agents/react.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

struct Counting final : Trace {
  void begin(const Span& /*span*/) override { ++begun; }
  void end(const Span& span) override {
    ended.emplace_back(to_string(span.kind));
    if (span.error != nullptr) errors.push_back(span.error->code());
  }

  std::size_t begun = 0;
  std::vector<std::string> ended;
  std::vector<Errc> errors;
};

class Silent final : public LM {
 public:
  std::string_view model() const noexcept override { return "silent"; }
  Capabilities capabilities() const override { return {.tools = true}; }
  Async<Reply> complete(Request /*request*/) override {
    return []() -> Async<Reply> {
      co_await dspy::sleep(std::chrono::hours(1));
      co_return Reply();
    }();
  }
};

ReAct<> native(const std::shared_ptr<Counting>& spans, std::shared_ptr<LM> lm) {
  const Tools tools{{"double", "Doubles.", [](double number) { return number * 2; }, args("number")}};
  ReActOptions options{.predictor = {.lm = std::move(lm)}};
  options.protocol = ReActOptions::Protocol::native;
  return traced(ReAct<>("question -> price: float", tools, std::move(options)), spans);
}

}  // namespace

TEST_CASE("a native agent's spans end with its answer") {
  const auto spans = std::make_shared<Counting>();
  int number = 0;
  const auto lm = std::make_shared<ScriptedLM>([&](const Request&) -> Reply {
    Completion completion{.finish = FinishReason::tool_calls};
    completion.tool_calls = {number++ == 0 ? ToolCallPart{.id = "a", .name = "double", .input = {{"number", 1}}}
                                           : ToolCallPart{.id = "b", .name = "submit", .input = {{"price", 2}}}};
    return Reply(completion);
  });

  native(spans, lm)({{"question", "?"}});

  CHECK(spans->begun == spans->ended.size());
  CHECK(spans->ended == std::vector<std::string>{"attempt", "tool", "attempt", "program"});
  CHECK(spans->errors.empty());
}

TEST_CASE("a native agent that is cancelled, or whose model breaks, leaves no span open") {
  const auto spans = std::make_shared<Counting>();
  std::stop_source stop;
  const auto agent = native(spans, std::make_shared<Silent>());
  const std::jthread stops([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });

  CHECK_THROWS_AS(wait(until(agent.acall({{"question", "?"}}), stop.get_token())), Error);

  CHECK(spans->ended == std::vector<std::string>{"attempt", "program"});
  CHECK(spans->errors == std::vector<Errc>{Errc::cancelled, Errc::cancelled});

  const auto others = std::make_shared<Counting>();
  const auto broken =
      std::make_shared<ScriptedLM>([](const Request&) -> Reply { throw std::runtime_error("the cable is out"); });
  CHECK_THROWS(native(others, broken)({{"question", "?"}}));
  CHECK(others->begun == others->ended.size());
}
