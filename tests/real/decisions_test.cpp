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
  Signature signature = Signature::parse("text -> sentiment: Literal['positive', 'negative']",
                                         "Say whether the text is positive or negative.");
  const Field& field = signature.outputs[0];
  DecisionSpace space = decision_space(field);
  std::vector<Example> texts = read_dataset("tests/real/sentiments.jsonl", {.signature = &signature});
  std::vector<Example> others = read_dataset("tests/real/more_sentiments.jsonl", {.signature = &signature});
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
  struct Least {
    int without_label, with_labels;
  };
  const std::map<std::string, Least> least = {
      {"field", {38, 39}}, {"json", {36, 36}}, {"xml", {0, 0}}, {"chat", {0, 0}}};
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
    table += std::format("| {} | {} | {} | {} | {} | {:.3f} | {} |\n", name, right(data, evidence, {}),
                         right(data, evidence, blank), without, with_labels,
                         statistics::area_under_curve(forecasts).value(), requests);
    CHECK(without >= wanted.without_label);
    CHECK(with_labels >= wanted.with_labels);
  }
  MESSAGE(table);
}

}  // namespace
}  // namespace dspy
