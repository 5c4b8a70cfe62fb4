#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/signature/signature.hpp"
#include "support/folder.hpp"
#include "support/turn_lm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

constexpr int threads = 4, agents_each = 50, agents = threads * agents_each;

/// A tool from which nobody comes back before all agents are in it: so all runs are under way at once.
FunctionTool meeting(std::atomic<int>& arrived) {
  return {"meet", "Waits for all others.", [&arrived]() -> Async<std::string> {
            ++arrived;
            while (arrived < agents) co_await sleep(std::chrono::milliseconds(20));
            co_return "all are here";
          }};
}

/// A model that takes tools: all meet, and then give what is wanted.
std::shared_ptr<LM> native_model() {
  auto model = std::make_shared<ScriptedLM>([](const Request& request) -> Reply {
    const bool has_met = std::ranges::any_of(request.messages, [](const Message& m) { return m.role == Role::tool; });
    Completion completion{.finish = FinishReason::tool_calls};
    if (has_met) {
      completion.tool_calls = {{.id = "b", .name = "submit", .input = {{"total", 3}}}};
    } else {
      completion.tool_calls = {{.id = "a", .name = "meet", .input = {}}};
    }
    return Reply(std::move(completion), {.requests = 1});
  });
  model->remember(false);
  return model;
}

/// Half of the threads run agents of the one kind, half of the other.
int right_outcomes(const ReActAgent& agent, int thread, const test::Folder& folder) {
  std::vector<Async<AgentOutcome>> runs;
  for (int i = 0; i < agents_each; ++i) {
    const auto path = folder.path / std::format("{}-{}.jsonl", thread, i);
    runs.push_back(agent.astart({{"request", std::format("number {}", i)}}, {.journal = path}));
  }
  const auto outcomes = wait(when_all(std::move(runs)));
  return static_cast<int>(std::ranges::count_if(
      outcomes, [](const AgentOutcome& each) { return each.is_done() && each.prediction.at("total") == 3; }));
}

}  // namespace

TEST_CASE("Two hundred agents run at once, each with its journal, and every step is made once") {
  const test::Folder folder;
  std::atomic<int> arrived = 0;
  const auto turns = std::make_shared<test::TurnLM>("meet", "{}", 1, "Reasoning: We met.\nTotal: 3");
  const auto signature = Signature::parse("request -> total: int");
  const ReActAgent in_text(signature, {meeting(arrived)},
                           {.protocol = ReActOptions::Protocol::text, .predictor = {.lm = turns}});
  const ReActAgent natively(signature, {meeting(arrived)},
                            {.protocol = ReActOptions::Protocol::native, .predictor = {.lm = native_model()}});
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> workers;
    for (int thread = 0; thread < threads; ++thread)
      workers.emplace_back(
          [&, thread] { right += right_outcomes(thread % 2 == 0 ? in_text : natively, thread, folder); });
  }
  CHECK(right == agents);
  CHECK(arrived == agents);
  CHECK(turns->requests() == agents / 2 * 3);
  for (const auto& file : std::filesystem::directory_iterator(folder.path)) {
    const auto events = read_journal(file.path()).events;
    const auto count = [&](AgentEvent::Kind kind) { return std::ranges::count(events, kind, &AgentEvent::kind); };
    CHECK(count(AgentEvent::Kind::begun) == 1);
    CHECK(count(AgentEvent::Kind::started) == 1);
    CHECK(count(AgentEvent::Kind::done) == 1);
  }
}
