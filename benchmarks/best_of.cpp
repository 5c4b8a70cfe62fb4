// BestOfN on the embedded model: eight draws of one prompt of some 400 tokens, beside one call.  Each run asks
// something new, so that the first draw reads its prompt and the others find it.  `DSPY_MODEL` names another model's
// URI.

#include "dspy/dspy.hpp"
#include "dspy/modules/best_of_n.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <format>
#include <memory>
#include <string>

namespace {

std::shared_ptr<dspy::LM> model() {
  static const auto lm = [] {
    const char* const given = std::getenv("DSPY_MODEL");  // NOLINT(concurrency-mt-unsafe): before any thread
    return dspy::lm(given != nullptr ? given : "llama:models/dspy-tiny.gguf?threads=1&max_tokens=16");
  }();
  return lm;
}

/// Another passage each time it is called.
dspy::JsonObject question() {
  static int asked = 0;
  std::string passage = std::format("Report number {}.", ++asked);
  for (int line = 0; line < 24; ++line)
    passage +=
        std::format(" On day {} the harbour of Tern had {} ships, and the weather was calm.", line, line * 7 % 11);
  return {{"passage", passage}, {"question", "How many ships were there on day 9?"}};
}

dspy::Predict<> predictor() {
  return dspy::Predict("passage, question -> answer", {.lm = model()});
}

void one_call(benchmark::State& state) {
  const auto ask = predictor();
  for (auto _ : state) benchmark::DoNotOptimize(ask(question()));
}
BENCHMARK(one_call)->MinWarmUpTime(0.5)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();

void best_of_8(benchmark::State& state) {
  const dspy::BestOfN best(predictor(), 8, [](const dspy::JsonObject&, const dspy::Prediction&) { return 0.5; });
  for (auto _ : state) benchmark::DoNotOptimize(best(question()));
}
BENCHMARK(best_of_8)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
