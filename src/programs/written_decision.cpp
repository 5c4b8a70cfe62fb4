#include "dspy/programs/written_decision.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/decision.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// An output that takes a number for each answer.
Field numbers_for(const Field& decided, const DecisionSpace& space) {
  auto out = decided;
  std::vector<Json> labels;
  for (const auto& label : space.labels) labels.emplace_back(label);
  out.type = Type::dict(Type::literal(std::move(labels)), Type::number({.ge = 0, .le = 1}));
  out.default_value.reset();
  const auto check = [labels = space.labels](const Json& value) -> std::optional<std::string> {
    double sum = 0;
    for (const auto& label : labels) {
      const auto* const number = value.as_object().if_contains(label);
      if (number == nullptr) return std::format("has no number for `{}`", label);
      sum += number->to_number<double>();
    }
    if (!(sum > 0)) return "gives every answer 0";
    return std::nullopt;
  };
  out.validators = {{.name = "all_answers", .check = check}};
  return out;
}

/// Not every adapter shows what a field's description says, and all show the instructions.
void append(std::string& instructions, const std::string& more) {
  if (!instructions.empty()) instructions += "\n\n";
  instructions += more;
}

std::string wanted(const Field& field, const DecisionSpace& space) {
  return std::format(
      "For `{}`, do not give the answer itself but how probable each answer is: a JSON object with a "
      "number from 0 to 1 for each of {}, which sum to 1.",
      field.name, text::enumerate(space.labels, "`", "and"));
}

std::string written(const std::vector<Example>& demos) {
  JsonArray rows;
  for (const auto& demo : demos) rows.emplace_back(demo.data);
  return "Examples with their right answers: " + to_text(rows);
}

}  // namespace

WrittenDecision::WrittenDecision(Predictor predictor) : predictor_(std::move(predictor)) {
  if (predictor_.decisions().empty())
    throw Error(Errc::invalid_parameter,
                "the predictor decides nothing; give it an entry in `decisions` for each output to decide");
}

Predictor WrittenDecision::asking() const {
  auto out = predictor_;
  auto signature = predictor_.signature();
  for (auto& field : signature.outputs) {
    const auto settings = predictor_.decisions().find(field.name);
    if (settings == predictor_.decisions().end()) continue;
    const auto space = decision_space(field, settings->second.is_scale);
    append(signature.instructions, wanted(field, space));
    field = numbers_for(field, space);
  }
  if (!predictor_.demos().empty()) append(signature.instructions, written(predictor_.demos()));
  out.set_decisions({});
  out.set_demos({});
  out.set_signature(std::move(signature));
  return out;
}

Async<Prediction> WrittenDecision::run(JsonObject inputs, Run how) const {
  const auto asked = asking();
  if (how.sink) {
    how.sink = [sink = std::move(how.sink), decisions = predictor_.decisions()](const FieldEvent& event) {
      if (!decisions.contains(event.field)) sink(event);
    };
  }
  auto out = co_await asked.run(std::move(inputs), std::move(how));
  for (const auto& [name, settings] : predictor_.decisions()) {
    const auto* const field = predictor_.signature().find(name);
    const auto* const written = out.get(name);
    if (field == nullptr || written == nullptr || !written->is_object()) continue;
    const auto space = decision_space(*field, settings.is_scale);
    std::vector<double> probabilities;
    double sum = 0;
    for (const auto& label : space.labels)
      sum += probabilities.emplace_back(written->get_object().at(label).to_number<double>());
    for (auto& each : probabilities) each /= sum;
    const auto decision = decide(space, settings, std::move(probabilities));
    auto value = decision.level ? space.values[*decision.level] : decision.value;
    for (std::size_t i = 0; i < space.values.size(); ++i) {
      const auto& [label, probability] = decision.probabilities[i];
      out.probabilities[name + "." + label] = probability;
      if (space.values[i] == value) out.probabilities[name] = probability;
    }
    out.data[name] = std::move(value);
    out.flags.push_back({name, "written"});
  }
  co_return out;
}

}  // namespace dspy
