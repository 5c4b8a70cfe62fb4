#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace dspy {

struct SimbaOptions {
  Metric metric;
  std::size_t bsize = 32;          ///< Examples of a step.  At most the training set.
  std::size_t num_candidates = 6;  ///< Runs of each example, and new programs, a step.
  std::size_t max_steps = 8;
  std::size_t max_demos = 4;                      ///< About as many a predictor keeps; 0: only rules are added.
  std::shared_ptr<LM> prompt_model = {};          ///< Compares runs and writes rules; else the program's own.
  std::size_t demo_input_field_maxlen = 100'000;  ///< Longer texts are cut in demonstrations.
  double temperature_for_sampling = 0.2;          ///< How much runs prefer better programs: the less, the more.
  double temperature_for_candidates = 0.2;        ///< The same for what new programs are made from.
  std::uint64_t seed = 0;
};

/// Stochastic introspective mini-batch ascent: programs are run several times on a few examples; where runs of one
/// example differ the most, the good one becomes a demonstration, or a model compares it with the bad one and writes
/// rules.  Of the winners of all steps, the best on the validation set (without one: the training set) is returned.
class Simba {
 public:
  /// Throws `Error` (`invalid_parameter`) for options of 0.
  explicit Simba(SimbaOptions options);
  Optimized compile(const Program& student, const Training& training) const;

 private:
  SimbaOptions options_;
};

}  // namespace dspy
