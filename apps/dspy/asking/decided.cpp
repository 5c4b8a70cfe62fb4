#include "asking/decided.hpp"

#include "dspy/base/wait.hpp"
#include "dspy/programs/written_decision.hpp"
#include "printing.hpp"

#include <format>
#include <utility>

namespace dspy::app {

Said said_of(const Prediction& prediction, const Field& field, const DecisionSettings& settings) {
  return {.decision = decision_of(prediction, field, settings)};
}

JsonObject to_json(const Said& said) {
  auto out = to_json(said.decision);
  if (said.is_routed) out["routed"] = true;
  if (said.is_abstained) {
    out["value"] = nullptr;
    out["abstained"] = true;
  }
  return out;
}

std::string decision_line(const Said& said) {
  const auto& decision = said.decision;
  auto out = said.is_abstained ? std::string("abstained") : shown(decision.value);
  if (said.is_routed) out += " [routed]";
  for (std::size_t i = 0; i < decision.probabilities.size(); ++i) {
    const auto& [label, probability] = decision.probabilities[i];
    out += std::format("{}{} {:.4f}", i == 0 ? "  (" : ", ", label, probability);
  }
  return decision.probabilities.empty() ? out + "  (no probabilities)" : out + ")";
}

Asker::Asker(Signature signature, const Field& field, AskerOptions options)
    : predictor_(std::move(signature), {.lm = std::move(options.lm),
                                        .adapter = std::move(options.adapter),
                                        .sampling = std::move(options.sampling),
                                        .decisions = {{field.name, {.is_scale = options.is_scale}}}}),
      together_{.concurrency = options.jobs},
      is_written_(options.is_written) {}

Asked Asker::ask(std::vector<JsonObject> inputs) const {
  return is_written_ ? WrittenDecision(predictor_).batch(std::move(inputs), together_)
                     : predictor_.batch(std::move(inputs), together_);
}

std::vector<Evidence> Asker::evidence(const std::vector<Example>& labelled, const Field& field,
                                      const DecisionSpace& space) const {
  if (!is_written_) return wait(gather_evidence(predictor_, field.name, labelled, together_));
  std::vector<JsonObject> inputs;
  for (const auto& each : labelled) inputs.push_back(each.inputs());
  const auto asked = ask(std::move(inputs));
  std::vector<Evidence> out;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!asked[i]) throw asked[i].error();
    out.push_back({.probabilities = probabilities_of(*asked[i], field, space), .label = *labelled[i].get(field.name)});
  }
  return out;
}

}  // namespace dspy::app
