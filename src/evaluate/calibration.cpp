#include "dspy/evaluate/calibration.hpp"

#include "dspy/base/error.hpp"
#include "dspy/modules/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

const Field& output_of(const Predictor& predictor, const std::string& output) {
  const auto& outputs = predictor.signature().outputs;
  const auto found = std::ranges::find(outputs, output, &Field::name);
  if (found == outputs.end()) throw Error(Errc::invalid_parameter, std::format("there is no output `{}`", output));
  return *found;
}

/// The predictor without a prior, whose probabilities are needed.
Predictor measuring(Predictor predictor, const std::string& output) {
  auto decisions = predictor.decisions();
  decisions[output].prior.clear();
  predictor.set_decisions(std::move(decisions));
  return predictor;
}

JsonObject blank_inputs(const Signature& signature, const std::string& text) {
  JsonObject out;
  for (const auto& input : signature.inputs) {
    if (input.type.required().kind == Type::Kind::string) {
      out[input.name] = text;
    } else if (input.is_required()) {
      throw Error(
          Errc::invalid_parameter,
          std::format(
              "the input `{}` is a {}, which has no content-free value; calibrate with a batch of inputs instead",
              input.name, annotation_name(input.type)));
    }
  }
  return out;
}

}  // namespace

std::map<std::string, double> mean_prior(const DecisionSpace& space,
                                         std::span<const std::vector<double>> probabilities) {
  if (probabilities.empty())
    throw Error(Errc::invalid_parameter, "a prior is a mean over inputs; give the probabilities of at least one");
  constexpr double least = 1e-6;
  std::vector<double> logs(space.labels.size());
  for (const auto& each : probabilities) {
    if (each.size() != logs.size()) {
      throw Error(Errc::bad_input, std::format("{} probabilities were given for {} answers", each.size(), logs.size()));
    }
    for (std::size_t i = 0; i < logs.size(); ++i) logs[i] += std::log(std::max(each[i], least));
  }
  double all = 0;
  for (auto& mean : logs) all += mean = std::exp(mean / static_cast<double>(probabilities.size()));
  std::map<std::string, double> out;
  for (std::size_t i = 0; i < logs.size(); ++i) out[space.labels[i]] = logs[i] / all;
  return out;
}

std::vector<double> probabilities_of(const Prediction& prediction, const Field& field, const DecisionSpace& space) {
  std::vector<double> out;
  for (const auto& label : space.labels) {
    const auto found = prediction.probabilities.find(field.name + "." + label);
    if (found == prediction.probabilities.end()) {
      throw Error(Errc::bad_input,
                  std::format("the prediction has no probability of `{}` for `{}`: the output is not a decision "
                              "(`set_decisions`), or the model does not report probabilities",
                              label, field.name));
    }
    out.push_back(found->second);
  }
  return out;
}

Async<std::map<std::string, double>> content_free_prior(Predictor predictor, std::string output) {
  predictor = measuring(std::move(predictor), output);
  const auto& field = output_of(predictor, output);
  const auto space = decision_space(field, predictor.decisions().at(output).is_scale);
  std::vector<BatchCall> calls;
  for (const auto* const text : {"N/A", "[MASK]", " "})
    calls.push_back({.predictor = predictor, .inputs = blank_inputs(predictor.signature(), text)});
  const auto rows = co_await abatch(std::move(calls));
  std::vector<std::vector<double>> probabilities;
  for (const auto& row : rows) {
    if (!row) throw row.error();
    probabilities.push_back(probabilities_of(*row, field, space));
  }
  co_return mean_prior(space, probabilities);
}

Async<std::vector<Evidence>> gather_evidence(Predictor predictor, std::string output, std::vector<Example> examples,
                                             BatchOptions options) {
  predictor = measuring(std::move(predictor), output);
  const auto& field = output_of(predictor, output);
  const auto space = decision_space(field, predictor.decisions().at(output).is_scale);
  std::vector<BatchCall> calls;
  std::vector<Evidence> out;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto* const label = examples[i].get(output);
    if (label == nullptr || !std::ranges::contains(space.values, *label)) {
      throw Error(Errc::bad_input, std::format("example {} has {} as `{}`, which is not an answer that is declared", i,
                                               label == nullptr ? "nothing" : to_text(*label), output));
    }
    out.push_back({.label = *label});
    calls.push_back({.predictor = predictor, .inputs = examples[i].inputs()});
  }
  const auto rows = co_await abatch(std::move(calls), std::move(options));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i]) throw rows[i].error();
    out[i].probabilities = probabilities_of(*rows[i], field, space);
  }
  co_return out;
}

}  // namespace dspy
