#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>
#include <memory>

namespace dspy {

struct CoproOptions {
  Metric metric;
  std::shared_ptr<LM> prompt_model = {};  ///< Writes the instructions; else the program's own.
  std::size_t breadth = 10;               ///< Candidates a round, for each predictor.  At least 2.
  std::size_t depth = 3;                  ///< Rounds.
  double init_temperature = 1.4;          ///< Of the model that writes.
  /// As `RandomSearchOptions` have it: only so many of a round are measured, and those that can hardly win are stopped.
  std::optional<std::size_t> screen_to = {};
  std::optional<double> race = {};
};

/// Coordinate ascent over instructions: a model writes several for each predictor, they are measured, and it is shown
/// the best ones with their scores to write better ones (Opsahl-Ong et al. 2024 call it their baseline).  Also proposes
/// a label for the last output.
class Copro {
 public:
  /// Throws `Error` (`invalid_parameter`) for a breadth below 2 or a depth of 0.
  explicit Copro(CoproOptions options);
  /// Measures on the validation set, or on the training set without one.
  Optimized compile(const Program& student, const Training& training) const;

 private:
  CoproOptions options_;
};

}  // namespace dspy
