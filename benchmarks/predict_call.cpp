// One whole `Predict` call on a scripted LM: checking inputs, writing the prompt, dispatch, reading the reply, typing
// it. What Python DSPy does in 660 µs (no demonstration) and 960 µs (two), and DSRs in 2.2 and 2.9 µs.

#include "dspy/lm/scripted.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predict.hpp"

#include <benchmark/benchmark.h>

namespace {

struct QuestionAnswer {
  struct Input {
    std::string question;
  };
  struct Output {
    std::string answer;
  };
};

/// Answers every request alike, at no cost but the reply's own.
std::shared_ptr<dspy::ScriptedLM> parrot(const std::string& reply) {
  auto lm = std::make_shared<dspy::ScriptedLM>([reply](const dspy::Request&) { return reply; });
  lm->remember(false);
  return lm;
}

std::vector<dspy::Example> demos(std::int64_t count) {
  std::vector<dspy::Example> out;
  out.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    out.push_back(dspy::Example({{"question", "What is the capital of France?"}, {"answer", "Paris"}}, {"question"}));
  }
  return out;
}

void predict_from_text(benchmark::State& state) {
  const dspy::Predict ask("question -> answer",
                          {.demos = demos(state.range(0)), .lm = parrot("Answer: The capital of Italy is Rome.")});
  for (auto _ : state) benchmark::DoNotOptimize(ask({{"question", "What is the capital of Italy?"}}));
}
BENCHMARK(predict_from_text)->Arg(0)->Arg(2)->Arg(64);

/// The same with a new signature in each call, as under an optimizer: the prompt is written from nothing.
void predict_after_a_change(benchmark::State& state) {
  const auto signature = dspy::Signature::parse("question -> answer");
  dspy::Predict ask(signature, {.demos = demos(state.range(0)), .lm = parrot("Answer: The capital of Italy is Rome.")});
  for (auto _ : state) {
    ask.set_signature(signature);
    benchmark::DoNotOptimize(ask({{"question", "What is the capital of Italy?"}}));
  }
}
BENCHMARK(predict_after_a_change)->Arg(0)->Arg(2)->Arg(64);

void predict_typed(benchmark::State& state) {
  const dspy::Predict<QuestionAnswer> ask(
      {.demos = demos(state.range(0)), .lm = parrot("Answer: The capital of Italy is Rome.")});
  for (auto _ : state) benchmark::DoNotOptimize(ask({.question = "What is the capital of Italy?"}));
}
BENCHMARK(predict_typed)->Arg(0)->Arg(2)->Arg(64);

void chain_of_thought_typed(benchmark::State& state) {
  const dspy::ChainOfThought<QuestionAnswer> ask(
      {.lm = parrot("Reasoning: Rome is the capital.\nAnswer: The capital of Italy is Rome.")});
  for (auto _ : state) benchmark::DoNotOptimize(ask({.question = "What is the capital of Italy?"}));
}
BENCHMARK(chain_of_thought_typed);

void copy_of_a_predictor(benchmark::State& state) {
  const dspy::Predict ask("question -> answer", {.demos = demos(64)});
  for (auto _ : state) benchmark::DoNotOptimize(dspy::Predict<>(ask));
}
BENCHMARK(copy_of_a_predictor);

}  // namespace
