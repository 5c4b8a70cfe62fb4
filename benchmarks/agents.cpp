// What agents cost beside the model: a tool call, a turn, and many runs with journals.

#include "dspy/agents/react.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace dspy;

FunctionTool adder(const std::string& name) {
  return {name, "Adds two numbers.", [](double a, double b) { return a + b; }, args("a", "b"), {.idempotent = true}};
}

Tools sixteen() {
  Tools tools;
  for (int i = 0; i < 16; ++i) tools.add(adder(std::format("add_{}", i)));
  return tools;
}

void tool_call(benchmark::State& state) {
  const auto tools = sixteen();
  for (auto _ : state) {
    auto outcome = wait(tools.call("add_9", JsonObject{{"a", 1.5}, {"b", 2}}));
    benchmark::DoNotOptimize(outcome);
  }
}
BENCHMARK(tool_call);

/// A model that takes tools, calls one in every turn but the last, and then submits.
std::shared_ptr<LM> native_model(int turns) {
  auto model = std::make_shared<ScriptedLM>([turns](const Request& request) -> Reply {
    std::size_t asked = 0;
    for (const auto& message : request.messages) asked += message.role == Role::assistant ? 1 : 0;
    Completion completion{.finish = FinishReason::tool_calls};
    if (static_cast<int>(asked) + 1 < turns) {
      completion.tool_calls = {{.id = "c", .name = "add_9", .input = {{"a", 1}, {"b", 2}}}};
    } else {
      completion.tool_calls = {{.id = "c", .name = "submit", .input = {{"answer", "3"}}}};
    }
    return Reply(std::move(completion), {.requests = 1, .prompt_tokens = 1, .completion_tokens = 1});
  });
  model->remember(false);
  return model;
}

ReActAgent native_agent(int turns) {
  return {Signature::parse("question -> answer"),
          sixteen(),
          {.protocol = ReActOptions::Protocol::native, .predictor = {.lm = native_model(turns)}}};
}

/// The time of a run of this many turns; that of one turn is in `turn`.
void react_native(benchmark::State& state) {
  const auto turns = static_cast<int>(state.range(0));
  const auto agent = native_agent(turns);
  for (auto _ : state) {
    auto out = agent({{"question", "1 + 2?"}});
    benchmark::DoNotOptimize(out);
  }
  state.counters["turn"] = benchmark::Counter(
      static_cast<double>(turns), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(react_native)->Arg(2)->Arg(10);

void react_text(benchmark::State& state) {
  const auto turns = static_cast<int>(state.range(0));
  const auto model = std::make_shared<ScriptedLM>([turns](const Request& request) -> std::string {
    if (!request.messages.back().text().contains("Next tool name")) return "Reasoning: r\nAnswer: 3";
    const bool is_last =
        turns < 2 || request.messages.back().text().contains(std::format("observation_{}:", turns - 2));
    return is_last ? "Next thought: t\nNext tool name: finish\nNext tool args: {}"
                   : "Next thought: t\nNext tool name: add_9\nNext tool args: {\"a\": 1, \"b\": 2}";
  });
  model->remember(false);
  const ReActAgent agent(Signature::parse("question -> answer"), sixteen(), {.predictor = {.lm = model}});
  for (auto _ : state) {
    auto out = agent({{"question", "1 + 2?"}});
    benchmark::DoNotOptimize(out);
  }
  state.counters["turn"] = benchmark::Counter(
      static_cast<double>(turns), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(react_text)->Arg(2)->Arg(10);

/// A new folder for journals.  All of them are removed when the program ends, and not before: ext4 does not give out an
/// inode that was freed within the last minutes, and passes over all of these for each new file, which takes longer
/// than the runs themselves.
std::filesystem::path new_folder() {
  struct All {
    std::filesystem::path path = std::filesystem::temp_directory_path() / "dspy-bench-agents";
    int count = 0;

    All() { std::filesystem::remove_all(path); }
    All(const All&) = delete;
    All& operator=(const All&) = delete;
    ~All() { std::filesystem::remove_all(path); }
  };
  static All all;
  auto folder = all.path / std::to_string(all.count++);
  std::filesystem::create_directories(folder);
  return folder;
}

/// 1,000 runs of 10 turns at once, each with a journal; the arguments say whether each write reaches the disk, and how
/// many threads share the runs.
void journals(benchmark::State& state) {
  std::filesystem::path folder;
  const auto agent = native_agent(10);
  const auto threads = static_cast<int>(state.range(1));
  constexpr int agents = 1'000;
  const auto run_share = [&](int thread) {
    std::vector<Async<AgentOutcome>> runs;
    runs.reserve(agents);
    for (int i = thread; i < agents; i += threads)
      runs.push_back(agent.astart({{"question", "1 + 2?"}}, {.journal = folder / std::format("{}.jsonl", i),
                                                             .journal_options = {.is_durable = state.range(0) != 0}}));
    auto outcomes = wait(when_all(std::move(runs)));
    benchmark::DoNotOptimize(outcomes);
  };
  for (auto _ : state) {
    state.PauseTiming();
    folder = new_folder();
    state.ResumeTiming();
    std::vector<std::jthread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(run_share, thread);
    run_share(0);
  }
  state.counters["steps"] = benchmark::Counter(agents * 10.0, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(journals)
    ->ArgNames({"fsync", "threads"})
    ->Args({0, 1})
    ->Args({0, 2})
    ->Args({1, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
