#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/optimize/kernel/python_random.hpp"
#include "dspy/optimize/kernel/search.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// What optimizers share that choose demonstrations.

namespace dspy::optimize {

using Demos = std::vector<Example>;
using DemosByPath = std::map<std::string, Demos>;

std::vector<std::string> paths_of(const Program& program);

Program without_demos(Program program);
bool has_demos(const Program& program);
Program with_demos(Program program, const DemosByPath& demos);
DemosByPath demos_of(const Program& program);

/// A training example as a demonstration for a predictor of that signature.
Demos as_demos(std::span<const Example> examples, std::span<const std::size_t> chosen, const Signature& signature);

/// Each predictor gets `k` training examples: drawn, one predictor after the other, or the first.
Program labeled(const Program& student, std::span<const Example> trainset, std::size_t k, bool sample);

struct BootstrapSettings {
  bool has_metric = true;
  std::optional<double> metric_threshold = {};
  std::size_t max_bootstrapped_demos = 4;
  std::size_t max_labeled_demos = 16;
  std::size_t max_rounds = 1;
  std::optional<std::size_t> max_errors = {};
  std::shared_ptr<LM> teacher_lm = {};
};

struct Bootstrapped {
  Program program;
  std::size_t errors = 0;
  std::vector<std::size_t> examples = {};  ///< Those that the teacher answered well, in order,
  std::vector<DemosByPath> demos = {};     ///< and what each of them gave.
};

/// Has the teacher answer training examples, in order, until enough were answered well; the calls that led to a good
/// answer become demonstrations of their predictors, and examples that were not needed fill up what is left.
///
/// As many examples are run at once as are still wanted: all of them would be run one by one, too.
Bootstrapped bootstrap(Search& search, const Program& student, const std::optional<Program>& teacher,
                       std::span<const Example> trainset, const BootstrapSettings& settings);

/// Sets of demonstrations to choose from, each for all predictors: none, labelled ones, bootstrapped ones in the
/// training set's order, and bootstrapped ones of shuffled orders and random sizes.
std::vector<DemosByPath> demo_sets(Search& search, const Program& student, const std::optional<Program>& teacher,
                                   const std::vector<Example>& trainset, std::size_t count,
                                   const BootstrapSettings& settings, bool labeled_sample,
                                   bool include_non_bootstrapped, PythonRandom& random);

/// A metric that likes everything, for optimizers that need none.
Metric any_answer();

}  // namespace dspy::optimize
