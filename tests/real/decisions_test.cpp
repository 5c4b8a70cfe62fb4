// A real model, SmolLM2-135M-Instruct, decides 40 short texts by the measured probabilities of its answers: as they
// are, calibrated without labels, and by a threshold fitted to 20 other texts.  `tools/real_models.py` installs the
// model; DSPY_REAL_MODELS says where.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/calibration.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/evaluate/statistics.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/decision.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dspy {
namespace {

struct Sentiments {
  Signature signature =
      Signature::parse("review -> sentiment: Literal['positive', 'negative']", "Classify the sentiment of the review.");
  const Field& field = signature.outputs[0];
  DecisionSpace space = decision_space(field);
  std::vector<Example> texts = reviews("tests/real/sentiments.jsonl");
  std::vector<Example> others = reviews("tests/real/more_sentiments.jsonl");

  /// The texts, under the name that this signature has for them.
  static std::vector<Example> reviews(const std::string& path) {
    std::vector<Example> out;
    for (const auto& row : read_dataset(path, {.inputs = {"text"}}))
      out.push_back(Example({{"review", *row.get("text")}, {"sentiment", *row.get("sentiment")}}, {"review"}));
    return out;
  }
};

std::shared_ptr<LM> smollm() {
  const char* const folder = std::getenv("DSPY_REAL_MODELS");
  REQUIRE(folder != nullptr);
  return std::make_shared<LlamaLM>((std::filesystem::path(folder) / "SmolLM2-135M-Instruct.Q4_1.gguf").string());
}

int right(const Sentiments& data, const std::vector<Evidence>& evidence, const DecisionSettings& settings) {
  int out = 0;
  for (const auto& each : evidence) out += decide(data.space, settings, each.probabilities).value == each.label ? 1 : 0;
  return out;
}

TEST_CASE("measured probabilities decide what the plain choice of a small model cannot") {
  const Sentiments data;
  const auto lm = smollm();
  // Bounds leave room for the processor: other kernels round otherwise, which moved each figure by up to 4 texts and
  // 0.02 of the area (nine texts of 40 for chat with labels, which is left out: its classes overlap).  30 right of 40
  // are more than guessing gets once in 900 times.
  struct Least {
    double area;
    int without_label, with_labels;
  };
  const std::map<std::string, Least> least = {
      {"field", {0.97, 34, 34}}, {"json", {0.95, 34, 34}}, {"xml", {0.9, 30, 28}}, {"chat", {0.65, 22, 0}}};
  std::string table =
      "\n| adapter | as it is | content-free | batch | 20 labels | area under the curve | requests |\n"
      "|---|--:|--:|--:|--:|--:|--:|\n";
  for (const auto& [name, wanted] : least) {
    CAPTURE(name);
    const Predictor predictor(data.signature, {.lm = lm, .adapter = adapter(name), .decisions = {{"sentiment", {}}}});
    const auto before = std::static_pointer_cast<LlamaLM>(lm)->engine().stats().requests;
    const auto evidence = wait(gather_evidence(predictor, "sentiment", data.texts));
    const auto requests = std::static_pointer_cast<LlamaLM>(lm)->engine().stats().requests - before;
    std::vector<std::vector<double>> probabilities;
    std::vector<statistics::Forecast> forecasts;
    for (const auto& each : evidence) {
      CHECK(each.probabilities[0] + each.probabilities[1] == doctest::Approx(1));
      probabilities.push_back(each.probabilities);
      forecasts.push_back({each.probabilities[0], each.label == "positive"});
    }
    const DecisionSettings batch{.prior = mean_prior(data.space, probabilities)};
    const DecisionSettings blank{.prior = wait(content_free_prior(predictor, "sentiment"))};
    const auto fitted = fit_decision(data.space, {}, wait(gather_evidence(predictor, "sentiment", data.others)));
    const auto with_labels = right(data, evidence, fitted.settings);
    const auto without = right(data, evidence, batch);
    const auto area = statistics::area_under_curve(forecasts).value();
    table += std::format("| {} | {} | {} | {} | {} | {:.3f} | {} |\n", name, right(data, evidence, {}),
                         right(data, evidence, blank), without, with_labels, area, requests);
    CHECK(area >= wanted.area);
    CHECK(without >= wanted.without_label);
    CHECK(with_labels >= wanted.with_labels);
  }
  MESSAGE(table);
}

TEST_CASE("Reviews, topics and intents: 100 texts decided, with and without the labels of 100 others") {
  struct Task {
    std::string notation, instructions, file;
    int least_without_label, least_with_labels;  ///< Of 100, in the better adapter.
  };
  // Over three layouts of the weights and two instruction sets the better adapter had 99 to 100, 76 to 81 and 61 to 68
  // right without labels, 100, 74 to 85 and 54 to 65 with labels.  46 of 100 among four answers are more than
  // guessing gets once in a million times.
  const auto lm = smollm();
  std::string table =
      "\n| task | adapter | as it is | batch | 100 labels |\n"
      "|---|---|--:|--:|--:|\n";
  for (const auto& task : std::vector<Task>{
           {"review -> sentiment: Literal['positive', 'negative']", "Classify the sentiment of the review.",
            "tests/real/reviews_200.jsonl", 90, 90},
           {"text -> topic: Literal['sports', 'cooking', 'science', 'politics']", "Classify the topic of the text.",
            "tests/real/topics_200.jsonl", 65, 60},
           {"text -> intent: Literal['book', 'cancel', 'complain', 'ask']", "Classify the intent of the customer.",
            "tests/real/intents_200.jsonl", 46, 46},
       }) {
    CAPTURE(task.file);
    const auto signature = Signature::parse(task.notation, task.instructions);
    const auto& field = signature.outputs[0];
    const auto space = decision_space(field);
    const auto rows = read_dataset(task.file, {.signature = &signature});
    REQUIRE(rows.size() == 200);
    int best_without = 0, best_with = 0, all_as_is = 0, all_without = 0;
    for (const std::string name : {"field", "json"}) {
      const Predictor predictor(signature, {.lm = lm, .adapter = adapter(name), .decisions = {{field.name, {}}}});
      const auto all = wait(gather_evidence(predictor, field.name, rows));
      const std::vector<Evidence> labelled(all.begin(), all.begin() + 100), tried(all.begin() + 100, all.end());
      const auto right = [&](const DecisionSettings& settings) {
        int out = 0;
        for (const auto& each : tried) out += decide(space, settings, each.probabilities).value == each.label ? 1 : 0;
        return out;
      };
      std::vector<std::vector<double>> probabilities;
      for (const auto& each : tried) probabilities.push_back(each.probabilities);
      const int without = right({.prior = mean_prior(space, probabilities)});
      const int with_labels = right(fit_decision(space, {}, labelled).settings);
      const int as_is = right({});
      best_without = std::max(best_without, without);
      best_with = std::max(best_with, with_labels);
      all_as_is += as_is;
      all_without += without;
      table += std::format("| {} | {} | {} | {} | {} |\n", field.name, name, as_is, without, with_labels);
    }
    CHECK(all_without >= all_as_is + 10);
    CHECK(best_without >= task.least_without_label);
    CHECK(best_with >= task.least_with_labels);
  }
  MESSAGE(table);
}

}  // namespace
}  // namespace dspy
