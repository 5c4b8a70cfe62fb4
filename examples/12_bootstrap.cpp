// Bootstrapping: a program learns a task from examples, without training the model.
//
// The embedded model is to sort words under labels whose meaning nobody tells it.  It cannot; with demonstrations it
// can.

#include <dspy/dspy.hpp>
#include <dspy/optimize/bootstrap_few_shot.hpp>

#include <array>
#include <print>
#include <string>
#include <vector>

namespace {

/// Animals are `gold`, tools are `north`.
std::vector<dspy::Example> examples(std::size_t first, std::size_t count) {
  static constexpr std::array animals = {"tiger", "horse", "rabbit", "eagle", "shark", "whale", "monkey", "zebra"};
  static constexpr std::array tools = {"hammer", "saw", "drill", "wrench", "ladder", "shovel", "axe", "rake"};
  std::vector<dspy::Example> out;
  for (std::size_t i = first; i < first + count; ++i) {
    out.push_back(dspy::Example({{"item", animals.at(i)}, {"label", "gold"}}, {"item"}));
    out.push_back(dspy::Example({{"item", tools.at(i)}, {"label", "north"}}, {"item"}));
  }
  return out;
}

}  // namespace

int main() {
  const auto lm =
      std::make_shared<dspy::LlamaLM>("models/dspy-tiny.gguf", dspy::LlamaOptions{.sampling = {.temperature = 0}});
  const dspy::Program sorter = dspy::Predict("item -> label: Literal['north', 'gold']", {.lm = lm});
  const dspy::Metric same("same label", [](const dspy::Example& gold, const dspy::Prediction& made) {
    return *gold.get("label") == made.at("label");
  });

  const dspy::BootstrapFewShotWithRandomSearch optimizer(
      {.metric = same, .max_bootstrapped_demos = 4, .max_labeled_demos = 4, .num_candidate_programs = 4});
  const auto [best, report] = optimizer.compile(sorter, {.trainset = examples(0, 4), .valset = examples(4, 4)});

  std::println("without demonstrations: {:.1f} %", dspy::optimize::percent(*report.candidates.front().score));
  std::println("best of {}: {:.1f} %", report.candidates.size(), dspy::optimize::percent(*report.score()));
  for (const auto* word : {"wolf", "knife", "frog", "clamp"})
    std::println("{}: {}", word, std::string(dspy::view(best({{"item", word}}).at("label").as_string())));
  best.for_each_predictor([](const std::string& path, const dspy::Predictor& predictor) {
    std::println("`{}` has {} demonstrations", path, predictor.demos().size());
  });
}
