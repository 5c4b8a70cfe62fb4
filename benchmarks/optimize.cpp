// What an optimizer costs beside its models: rollouts that are known already, and fresh ones on a scripted LM.

#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/kernel/search.hpp"
#include "dspy/optimize/kernel/tpe.hpp"

#include <benchmark/benchmark.h>

#include <format>
#include <memory>
#include <vector>

namespace {

std::vector<dspy::Example> examples(std::size_t count) {
  std::vector<dspy::Example> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(dspy::Example(
        {{"question", std::format("What is the capital of country {}?", i)}, {"answer", std::format("City {}", i)}},
        {"question"}));
  }
  return out;
}

dspy::Program program() {
  auto lm = std::make_shared<dspy::ScriptedLM>([](const dspy::Request&) -> std::string { return "Answer: City 7"; });
  lm->remember(false);
  return dspy::Predict("question -> answer", {.lm = std::move(lm)});
}

dspy::Metric exact() {
  return {"exact", [](const dspy::Example& gold, const dspy::Prediction& made) {
            return *gold.get("answer") == made.at("answer");
          }};
}

/// 100 programs on 100 examples, all known: the figure is at most a second for the 10,000.
void known_rollouts(benchmark::State& state) {
  const dspy::Training training{.trainset = examples(100)};
  const auto student = program();
  dspy::optimize::Search search("bench", {}, student, exact(), training);
  std::vector<dspy::Program> programs;
  for (int i = 0; i < 100; ++i) {
    auto candidate = student;
    candidate.for_each_predictor([&](const std::string&, dspy::Predictor& predictor) {
      predictor.set_signature(predictor.signature().with_instructions(std::format("Instruction {}", i)));
      predictor.set_demos({training.trainset.begin(), training.trainset.begin() + 4});
    });
    search.run(candidate, training.trainset);
    programs.push_back(std::move(candidate));
  }
  for (auto _ : state) {
    for (const auto& candidate : programs) benchmark::DoNotOptimize(search.run(candidate, training.trainset));
  }
  state.SetItemsProcessed(state.iterations() * 10'000);
}
BENCHMARK(known_rollouts)->Unit(benchmark::kMillisecond);

void random_search(benchmark::State& state) {
  const dspy::Training training{.trainset = examples(50), .valset = examples(100)};
  const auto student = program();
  const dspy::BootstrapFewShotWithRandomSearch optimizer({.metric = exact(), .num_candidate_programs = 16});
  std::uint64_t requests = 0;
  for (auto _ : state) requests = optimizer.compile(student, training).report.usage.requests;
  state.counters["requests"] = static_cast<double>(requests);
}
BENCHMARK(random_search)->Unit(benchmark::kMillisecond);

void tpe_suggestion_after_100_trials(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    dspy::optimize::TpeSampler sampler({{"instruction", 12}, {"demos", 12}}, 9);
    for (std::size_t i = 0; i < 100; ++i) sampler.record({i % 12, i * 7 % 12}, static_cast<double>(i * 31 % 97));
    state.ResumeTiming();
    benchmark::DoNotOptimize(sampler.suggest());
  }
}
BENCHMARK(tpe_suggestion_after_100_trials)->Unit(benchmark::kMicrosecond);

}  // namespace
