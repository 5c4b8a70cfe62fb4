#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/signature/signature.hpp"
#include "support/folder.hpp"
#include "support/turn_lm.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <format>
#include <memory>
#include <thread>
#include <vector>

using namespace dspy;

TEST_CASE("Two hundred agents run at once, each with its journal, and every step is made once") {
  constexpr int agents = 200, steps = 3, threads = 4;
  const test::Folder folder;
  std::atomic<int> added = 0;
  const auto lm = std::make_shared<test::TurnLM>("add", "{}", steps, "Reasoning: I added.\nTotal: 3");
  const ReActAgent agent(Signature::parse("request -> total: int"),
                         {FunctionTool("add", "Adds one.", [&added] { return ++added > 0 ? "added" : ""; })},
                         {.protocol = ReActOptions::Protocol::text, .predictor = {.lm = lm}});
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> workers;
    for (int thread = 0; thread < threads; ++thread) {
      workers.emplace_back([&, thread] {
        for (int i = thread; i < agents; i += threads) {
          const auto path = folder.path / std::format("{}.jsonl", i);
          const auto run = agent.start({{"request", std::format("number {}", i)}}, {.journal = path});
          if (run.is_done() && run.prediction.at("total") == 3) ++right;
        }
      });
    }
  }
  CHECK(right == agents);
  CHECK(added == agents * steps);
  CHECK(lm->requests() == agents * (steps + 2));
}
