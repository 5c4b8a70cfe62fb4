// A decision over 20 answers after a prompt of some 400 tokens, beside one reading of such a prompt.  Each run asks
// something new, so that its prompt has to be read.  `DSPY_MODEL` names another model's URI.

#include "dspy/dspy.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <format>
#include <memory>
#include <string>
#include <vector>

namespace {

std::shared_ptr<dspy::LM> model() {
  static const auto lm = [] {
    const char* const given = std::getenv("DSPY_MODEL");  // NOLINT(concurrency-mt-unsafe): before any thread
    return dspy::lm(given != nullptr ? given : "llama:models/dspy-tiny.gguf?threads=1");
  }();
  return lm;
}

constexpr std::array places = {"harbour", "market", "bridge",  "library", "station",  "garden", "museum",
                               "school",  "bakery", "tower",   "office",  "theatre",  "castle", "hotel",
                               "airport", "chapel", "stadium", "factory", "pharmacy", "village"};

dspy::Predict<> predictor(bool decides, int max_tokens) {
  std::vector<dspy::Json> choices(places.begin(), places.end());
  dspy::Signature signature;
  signature.inputs.push_back(dspy::make_field("passage"));
  signature.outputs.push_back(dspy::make_field("place", dspy::Type::literal(std::move(choices))));
  dspy::PredictorOptions options{.lm = model(), .sampling = {.max_tokens = max_tokens}};
  if (decides) options.decisions.emplace("place", dspy::DecisionSettings());
  return dspy::Predict<>(std::move(signature), std::move(options));
}

/// Another passage each time it is called.
dspy::JsonObject passage() {
  static int asked = 0;
  std::string text = std::format("Report number {}.", ++asked);
  for (int line = 0; line < 24; ++line)
    text += std::format(" On day {} there were {} people at the {}, and it was calm.", line, line * 7 % 11,
                        places.at(static_cast<std::size_t>(line) % places.size()));
  return {{"passage", text}};
}

/// The prompt is read, and one token drawn.
void prefill(benchmark::State& state) {
  const auto ask = predictor(false, 1);
  double tokens = 0;
  for (auto _ : state) {
    const auto prompt = ask.render(passage());
    const auto reply = dspy::wait(model()->complete({.messages = prompt, .sampling = {.max_tokens = 1}}));
    tokens = static_cast<double>(reply.usage.prompt_tokens.value_or(0));
  }
  state.counters["prompt_tokens"] = tokens;
}
BENCHMARK(prefill)->MinWarmUpTime(0.5)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();

void plain_choice(benchmark::State& state) {
  const auto ask = predictor(false, 16);
  for (auto _ : state) benchmark::DoNotOptimize(ask(passage()));
}
BENCHMARK(plain_choice)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();

void decision_of_20(benchmark::State& state) {
  const auto ask = predictor(true, 16);
  double requests = 0;
  for (auto _ : state) {
    const auto out = ask(passage());
    requests = static_cast<double>(out.usage().requests);
    if (!out.probabilities.contains("place.village")) state.SkipWithError("the probabilities were not measured");
  }
  state.counters["requests"] = requests;
}
BENCHMARK(decision_of_20)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
