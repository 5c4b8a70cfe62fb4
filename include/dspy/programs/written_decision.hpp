#pragma once

#include "dspy/modules/module.hpp"
#include "dspy/modules/traversal.hpp"

#include <utility>

namespace dspy {

/// Decides by probabilities that the model writes, for models that report none of their own (Python DSPy's way with
/// every model).  The prompt asks for a number for each answer in place of the value; demonstrations go into the
/// instructions.  The result is a predictor's: the decided value and `Prediction::probabilities`, of sum 1, with the
/// flag `written`; nothing of a decision is streamed.  What a model writes is seldom calibrated: fit it with labels.
///
///     dspy::WrittenDecision triage(dspy::Predict("mail -> spam: bool", {.lm = claude, .decisions = {{"spam", {}}}}));
class WrittenDecision : public Module<WrittenDecision, JsonObject, Prediction> {
 public:
  /// Throws `Error` (`invalid_parameter`) for a predictor without `decisions`.
  explicit WrittenDecision(Predictor predictor);

  Async<Prediction> run(JsonObject inputs, Run how) const;
  /// What asks for the numbers.
  Predictor asking() const;

  /// The predictor as it was given: what optimizers change in it counts.
  template <class Self, class F>
  void for_each_predictor(this Self& self, F&& visit) {
    dspy::for_each_predictor(self.predictor_, visit);
  }

 private:
  Predictor predictor_;
};

}  // namespace dspy
