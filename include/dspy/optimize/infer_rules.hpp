#pragma once

#include "dspy/optimize/bootstrap_few_shot.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace dspy {

struct InferRulesOptions {
  Metric metric;
  std::size_t num_candidates = 10;        ///< Sets of rules that are tried.
  std::size_t num_rules = 10;             ///< About as many the model is asked for.
  std::shared_ptr<LM> prompt_model = {};  ///< Writes the rules; else the program's own.
  std::shared_ptr<LM> teacher_lm = {};
  std::size_t max_bootstrapped_demos = 4;
  std::size_t max_labeled_demos = 16;
  std::size_t max_rounds = 1;
  /// As `RandomSearchOptions` have it: only so many of the sets are measured, and those that can hardly win are
  /// stopped.
  std::optional<std::size_t> screen_to = {};
  std::optional<double> race = {};
};

/// Bootstraps demonstrations, and has a model infer rules from the training examples, which are added to the
/// instructions.  Without a validation set, the second half of the training set is one.
class InferRules {
 public:
  explicit InferRules(InferRulesOptions options) : options_(std::move(options)) {}
  Optimized compile(const Program& student, const Training& training) const;

 private:
  InferRulesOptions options_;
};

}  // namespace dspy
