#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>

namespace dspy {

struct LabeledFewShotOptions {
  std::size_t k = 16;  ///< Demonstrations for each predictor.
  bool sample = true;  ///< Drawn at random; else the first.
  Metric metric = {};  ///< With a validation set: the student is kept if it is the better one.
};

/// Gives each predictor unmodified training examples as demonstrations.  Calls no model, except to evaluate.
class LabeledFewShot {
 public:
  explicit LabeledFewShot(LabeledFewShotOptions options = {}) : options_(std::move(options)) {}
  Optimized compile(const Program& student, const Training& training) const;

 private:
  LabeledFewShotOptions options_;
};

}  // namespace dspy
