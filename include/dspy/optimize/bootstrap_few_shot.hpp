#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dspy {

struct BootstrapFewShotOptions {
  Metric metric = {};                           ///< Not set: every answer is good enough for a demonstration.
  std::optional<double> metric_threshold = {};  ///< What a score must reach; unset: any score but 0.
  std::shared_ptr<LM> teacher_lm = {};          ///< Answers the training examples; else the teacher's own.
  std::size_t max_bootstrapped_demos = 4;       ///< Made from the teacher's good answers.
  std::size_t max_labeled_demos = 16;           ///< Together with unmodified training examples.
  std::size_t max_rounds = 1;                   ///< How often an example is tried; after the first at temperature 1.
  std::optional<std::size_t> max_errors = {};   ///< So many examples that fail end it with an `Error`.
};

/// Makes demonstrations of every step of the program from training examples that the teacher answers well.  With a
/// validation set, the student is measured too, and returned if it is the better one.
class BootstrapFewShot {
 public:
  explicit BootstrapFewShot(BootstrapFewShotOptions options) : options_(std::move(options)) {}
  Optimized compile(const Program& student, const Training& training) const;

 private:
  BootstrapFewShotOptions options_;
};

struct RandomSearchOptions {
  Metric metric;
  std::optional<double> metric_threshold = {};
  std::shared_ptr<LM> teacher_lm = {};
  std::size_t max_bootstrapped_demos = 4;
  std::size_t max_labeled_demos = 16;
  std::size_t max_rounds = 1;
  std::size_t num_candidate_programs = 16;  ///< Beside no demonstrations, labelled ones and those of the given order.
  std::optional<std::size_t> max_errors = {};
  std::optional<double> stop_at_score = {};  ///< A mean that is good enough, from 0 to 1.
  bool labeled_sample = true;
  std::vector<std::int64_t> restrict_to = {};  ///< Only these seeds: -3 none, -2 labelled, -1 in order, 0 … shuffled.
  /// Only so many candidates are measured: those under which a local model finds the right answers likeliest
  /// (`Search::likelihoods`).  The report has the rank correlation of both.
  std::optional<std::size_t> screen_to = {};
  /// Candidates that can hardly win any more are stopped (`Search::race`): the probability that one is stopped which is
  /// as good as the best one before.
  std::optional<double> race = {};
};

/// Bootstraps from many orders of the training set, and returns what is best on the validation set (without one: on
/// the training set, and the report says so).
class BootstrapFewShotWithRandomSearch {
 public:
  explicit BootstrapFewShotWithRandomSearch(RandomSearchOptions options) : options_(std::move(options)) {}
  Optimized compile(const Program& student, const Training& training) const;

 private:
  RandomSearchOptions options_;
};

struct BootstrapOptunaOptions {
  Metric metric;
  std::optional<double> metric_threshold = {};
  std::shared_ptr<LM> teacher_lm = {};
  std::size_t max_bootstrapped_demos = 4;  ///< The pool that is chosen from.
  std::size_t max_labeled_demos = 16;
  std::size_t max_rounds = 1;
  std::size_t num_candidate_programs = 16;  ///< Programs that are tried.
  std::size_t max_demos = 1;                ///< Demonstrations for each predictor.  DSPy takes 1.
  std::uint32_t seed = 0;
};

/// Bootstraps one pool of demonstrations and searches which of them each predictor should have, by a tree-structured
/// Parzen estimator.
class BootstrapFewShotWithOptuna {
 public:
  explicit BootstrapFewShotWithOptuna(BootstrapOptunaOptions options) : options_(std::move(options)) {}
  Optimized compile(const Program& student, const Training& training) const;

 private:
  BootstrapOptunaOptions options_;
};

}  // namespace dspy
