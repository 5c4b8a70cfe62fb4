// How well the probabilities fit that are measured on a model trained for the task, on wordings it was not shown.

#include "dspy/adapters/adapter.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/forecasts.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/modules/predict.hpp"

#include <doctest/doctest.h>

#include <array>
#include <format>
#include <memory>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::vector<Example> tickets() {
  constexpr std::array items = {"lamp",  "tent",   "chair",  "kettle", "radio", "bicycle", "phone",   "jacket",
                                "table", "bottle", "camera", "guitar", "watch", "printer", "toaster", "speaker"};
  constexpr std::array problems = {"My {} arrived broken.", "The package with the {} is late.",
                                   "The {} is not what I ordered.", "My {} stopped working after a week."};
  std::vector<Example> out;
  for (const std::string item : items) {
    for (const std::string problem : problems) {
      auto text = problem;
      text.replace(text.find("{}"), 2, item);
      const auto add = [&](const std::string& more, bool refund) {
        out.push_back(Example({{"ticket", text + more}, {"refund_requested", refund}}, {"ticket"}));
      };
      add(" I request a full refund.", true);
      add(" Please pay my money back.", true);
      add("", false);
      add(" There is no need for a refund.", false);
      add(" Please send a new one.", false);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("Probabilities of the embedded model are calibrated where it was trained for the task") {
  const Program triage = Predict("ticket -> refund_requested: bool",
                                 {.lm = std::make_shared<LlamaLM>(DSPY_MODEL_DIR "/dspy-tiny.gguf", LlamaOptions{}),
                                  .adapter = adapter("field"),
                                  .decisions = {{"refund_requested", {}}}});
  const auto result = Evaluate({.metric = metrics::equal("refund_requested")})(triage, tickets());
  const auto forecasts = forecasts_of(result).at("refund_requested");
  const auto error = statistics::calibration_error(forecasts);
  MESSAGE(forecasts.size(), " tickets, ", result.score, " % right, expected calibration error ", error,
          ", Brier score ", statistics::brier(forecasts));
  REQUIRE(forecasts.size() == 320);
  CHECK(result.score >= 97);
  CHECK(error <= 0.02);
}
