#pragma once

#include "dspy/base/async.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

// Metrics of answers that were made from passages, after RAGAS (Es et al. 2023).  Those that ask a language model are
// programs, with predictors to give an LM, to optimize and to save; the others compute.

namespace dspy::metrics {

/// Which values of example and prediction are what.
struct RagFields {
  std::string question = "question";  ///< Of the example.
  std::string reference = "answer";   ///< Of the example: the right answer.
  std::string answer = "answer";      ///< Of the prediction.
  std::string contexts = "passages";  ///< Of the prediction: the passages, a list of texts, best first.
};

/// The share of an answer's statements that its contexts support.  One call takes the answer apart, another judges the
/// statements.  An answer that states nothing has no score: `Error` (`bad_input`).
struct Faithfulness {
  Predict<> take_apart{statements()};
  Predict<> judge{verdicts()};

  /// `question`, `answer` and `contexts` (a list) give `score`, `statements` and `verdicts`.
  Async<Prediction> run(JsonObject inputs, Run how) const;
  static Signature statements();
  static Signature verdicts();
};

/// How near the questions that an answer would answer are to the one that was asked: the mean cosine of their
/// embeddings, and 0 for an answer that evades.
struct AnswerRelevance {
  std::shared_ptr<Embedder> embedder = {};
  std::size_t questions = 3;
  Predict<> write{generation()};

  /// `question` and `answer` give `score` and `generated`.
  Async<Prediction> run(JsonObject inputs, Run how) const;
  static Signature generation();

  template <class F>
  void for_each_predictor(F&& visit) {
    dspy::for_each_predictor(write, visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    dspy::for_each_predictor(write, visit);
  }
};

/// Whether the useful ones among the retrieved passages come first: the average precision of verdicts on each.
struct ContextPrecision {
  Predict<> judge{verdict()};

  /// `question`, `reference` and `contexts` give `score` and `verdicts`.
  Async<Prediction> run(JsonObject inputs, Run how) const;
  static Signature verdict();
};

/// The share of the right answer's statements that the retrieved passages support.
struct ContextRecall {
  Predict<> take_apart{Faithfulness::statements()};
  Predict<> judge{Faithfulness::verdicts()};

  /// `question`, `reference` and `contexts` give `score`, `statements` and `verdicts`.
  Async<Prediction> run(JsonObject inputs, Run how) const;
};

Metric metric(Faithfulness program, RagFields fields = {});
Metric metric(AnswerRelevance program, RagFields fields = {});
Metric metric(ContextPrecision program, RagFields fields = {});
Metric metric(ContextRecall program, RagFields fields = {});

/// Average precision over the retrieved passages: the mean of the precision at each useful rank; 0 if none is useful.
double context_precision(const std::vector<bool>& is_useful);

// By ids, without a model.  Ids count once; without retrieved (or right) ones an `Error` (`bad_input`).
/// The share of the retrieved that is right.
double id_context_precision(std::span<const std::string> retrieved, std::span<const std::string> right);
/// The share of the right that was retrieved.
double id_context_recall(std::span<const std::string> retrieved, std::span<const std::string> right);

}  // namespace dspy::metrics
