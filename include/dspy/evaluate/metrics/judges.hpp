#pragma once

#include "dspy/base/async.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/modules/traversal.hpp"

#include <string>
#include <vector>

// Metrics that ask a language model.  Each is a program: it has predictors to give an LM, to optimize and to save, and
// `metric` makes a metric of it.  Without an LM of their own they ask the one given to `configure`.

namespace dspy::metrics {

/// Which values of example and prediction are what.
struct JudgedFields {
  std::string question = "question";  ///< Of the example.
  std::string response = "response";  ///< Of both: what is right, and what was said.
  std::string context = "context";    ///< Of the prediction: what it was said from.
};

/// DSPy's `SemanticF1`: how much of the right answer's content is in the given one (recall), and how much of the given
/// one's is in the right one (precision), as a model sees it; the score is their harmonic mean.
struct SemanticF1 {
  ChainOfThought<> score{instructions(false)};

  /// Takes the answers' key ideas apart first, and counts those that both have.
  static SemanticF1 decompositional(PredictorOptions options = {}) {
    return {ChainOfThought<>(instructions(true), std::move(options))};
  }

  /// `question`, `ground_truth` and `system_response` give `score`, `precision` and `recall`.
  Async<Prediction> run(JsonObject inputs, Run how) const;
  static Signature instructions(bool decompositional);
};

/// DSPy's `CompleteAndGrounded`: whether an answer says all that the right one says, and only what its context
/// supports; the score is the harmonic mean of both.
struct CompleteAndGrounded {
  ChainOfThought<> complete{completeness()};
  ChainOfThought<> grounded{groundedness()};

  /// `question`, `ground_truth`, `system_response` and `retrieved_context` give `score`, `completeness` and
  /// `groundedness`.
  Async<Prediction> run(JsonObject inputs, Run how) const;
  static Signature completeness();
  static Signature groundedness();
};

/// A model that gives points by a rubric, and says why.
struct Judge {
  ChainOfThought<> judge;
  int most = 5;

  /// `rubric` says what earns how many points, 0 to `most` of them.
  explicit Judge(const std::string& rubric, int most = 5, PredictorOptions options = {});

  /// `example` and `prediction` (as JSON) give `score` (0 to 1) and `feedback`.
  Async<Prediction> run(JsonObject inputs, Run how) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    dspy::for_each_predictor(judge, visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    dspy::for_each_predictor(judge, visit);
  }
};

/// Where the score decides what becomes a demonstration (`MetricInput::for_demonstration`), it is 1 from `threshold`
/// on, else 0.
Metric metric(SemanticF1 program, JudgedFields fields = {}, double threshold = 0.66);
Metric metric(CompleteAndGrounded program, JudgedFields fields = {}, double threshold = 0.66);
Metric metric(Judge program);

}  // namespace dspy::metrics
