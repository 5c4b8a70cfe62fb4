#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <utility>

namespace dspy {

struct ReAnchorOptions {
  Metric metric = {};  ///< What the program is measured by, before and after.  Required.
};

/// Fits how a program decides: the threshold of a yes or no, the weights of choices, the cuts of a scale.  The program
/// runs once on the training examples, and what its models say about every answer is the evidence; trying other
/// settings asks nothing again (DSPy 3.4's ReAnchor).
///
/// It takes the outputs that are decided (`Predictor::set_decisions`), or without any all that could be.  Their labels
/// are the examples' own values of that name; an output that examples do not have is left, and the report says so.
/// Settings are kept only if they help on examples that they were not found on (`fit_decision`), and the program only
/// if the metric agrees.  Throws `Error` (`config_error`) for a program without such outputs.
class ReAnchor {
 public:
  explicit ReAnchor(ReAnchorOptions options) : options_(std::move(options)) {}
  Optimized compile(const Program& student, const Training& training) const;

 private:
  ReAnchorOptions options_;
};

}  // namespace dspy
