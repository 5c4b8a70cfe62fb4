#include "modules/decision_machine.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// Replies to ask for at most, of one output.
constexpr std::size_t most_branches = 64;
/// What may be left unknown.
constexpr double enough = 1e-3;

}  // namespace

DecisionMachine::DecisionMachine(const Signature& signature, const DecisionsSettings& settings, const Completion& reply,
                                 const Exchange& exchange, Prediction& prediction, bool can_go_on)
    : prediction_(prediction), can_go_on_(can_go_on), reasoning_(reply.reasoning) {
  outputs_.reserve(settings.size());  // the trees hold references
  for (const auto& [name, own] : settings) {
    const auto* const field = signature.find(name);
    const auto* const value = prediction.get(name);
    if (field == nullptr || value == nullptr) continue;
    auto& output = outputs_.emplace_back(field, &own, decision_space(*field, own.is_scale));
    output.tree.emplace(*field, output.space);
    output.is_told = output.tree->accept({}, reply, value);
    if (!output.is_told) output.told = told_answers(*field, output.space, reply, exchange, *value);
  }
}

std::vector<Prefill> DecisionMachine::branches() {
  std::vector<Prefill> out;
  asked_.clear();
  accepted_ = 0;
  if (!can_go_on_) return out;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    auto& output = outputs_[i];
    if (!output.is_told) continue;
    auto texts = output.tree->open(most_branches - std::min(output.asked, most_branches));
    output.asked += texts.size();
    for (auto& text : texts) {
      out.push_back({.reasoning = reasoning_, .text = std::move(text)});
      asked_.push_back(i);
    }
  }
  return out;
}

void DecisionMachine::accept(const Prefill& branch, const Completion& reply, const Exchange& exchange) {
  auto& output = outputs_[asked_[accepted_++]];
  const auto reading = exchange.parse(reply);
  const auto& values = reading ? reading->outputs : reading.error().partial;
  output.tree->accept(branch.text, reply, values.if_contains(output.field->name));
}

void DecisionMachine::settle(const Output& output, std::vector<double> probabilities) {
  const auto& name = output.field->name;
  auto& value = prediction_.data[name];
  const auto decision = decide(output.space, *output.settings, std::move(probabilities));
  auto decided = decision.level ? output.space.values[*decision.level] : decision.value;
  if (decided != value) prediction_.flags.push_back({name, "decided"});
  value = std::move(decided);
  for (std::size_t i = 0; i < output.space.values.size(); ++i) {
    const auto& [label, probability] = decision.probabilities[i];
    prediction_.probabilities[name + "." + label] = probability;
    if (output.space.values[i] == value) prediction_.probabilities[name] = probability;
  }
}

void DecisionMachine::finish() {
  for (auto& output : outputs_) {
    const auto& name = output.field->name;
    if (!output.is_told) {  // it stays what the model wrote, unless a provider tells enough
      const auto kind = output.told.kind;
      if (kind == ToldAnswers::Kind::none) continue;
      const bool is_enough = kind == ToldAnswers::Kind::enough;
      prediction_.flags.push_back({name, is_enough ? "log_probabilities" : "partial_log_probabilities"});
      if (is_enough) settle(output, std::move(output.told.probabilities));
      continue;
    }
    const auto unmeasured = output.tree->unmeasured();
    if (unmeasured > enough) {
      throw Error(Errc::inference_failed,
                  std::format("of the probability of `{}`, {:.1f} % could not be measured; give its answers names that "
                              "begin differently, or decide it by another adapter",
                              name, 100 * unmeasured));
    }
    auto probabilities = output.tree->probabilities();
    // What is unmeasured is shared out, and a sum that rounding carried past 1 comes back to it.
    const auto sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
    for (auto& each : probabilities) each /= sum;
    settle(output, std::move(probabilities));
  }
}

}  // namespace dspy
