#pragma once

#include "dspy/base/error.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::test {

/// A program that asks no model: what it answers is a function of its predictors' instructions and demonstrations, and
/// of the number of the example.  Its calls are told to the trace as if it had asked.
class PromptedWorld {
 public:
  using Prompts = std::vector<const Predictor*>;
  /// A score from 0 to 1.
  using Answer = std::function<double(const Prompts& prompts, std::size_t example)>;

  PromptedWorld(const std::vector<std::string>& names, const std::vector<std::string>& instructions,
                const std::vector<std::string>& labels, Answer answer)
      : answer_(std::move(answer)) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto signature = Signature::parse("number: int -> score: float", instructions[i]);
      if (!labels.empty()) signature.outputs.back().label = labels[i];
      predictors_.emplace_back(names[i], Predictor(std::move(signature)));
    }
  }

  Async<Prediction> run(JsonObject inputs, Run) const {
    Prompts prompts;
    for (const auto& each : predictors_) prompts.push_back(&each.second);
    Prediction prediction;
    prediction.data["score"] = answer_(prompts, inputs.at("number").to_number<std::size_t>());
    for (const auto* const predictor : prompts) {
      const auto* const context = predictor->context();
      if (context == nullptr || !context->trace) continue;
      context->trace->end({.kind = Span::Kind::call,
                           .id = Trace::next_id(),
                           .path = context->path,
                           .inputs = &inputs,
                           .prediction = &prediction});
    }
    co_return prediction;
  }

  template <class F>
  void for_each_predictor(F&& visit) {
    for (auto& [name, predictor] : predictors_) visit(name, predictor);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    for (const auto& [name, predictor] : predictors_) visit(name, predictor);
  }

 private:
  std::vector<std::pair<std::string, Predictor>> predictors_;
  Answer answer_;
};

inline std::vector<Example> numbered(std::size_t count, std::size_t first = 0) {
  std::vector<Example> out;
  for (auto i = first; i < first + count; ++i)
    out.emplace_back(JsonObject{{"number", i}}, std::vector<std::string>{"number"});
  return out;
}

inline Metric given_score() {
  return {"score", [](const Example&, const Prediction& made) { return made.at("score").to_number<double>(); }};
}

}  // namespace dspy::test
