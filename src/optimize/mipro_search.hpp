#pragma once

#include "dspy/lm/sampling.hpp"
#include "optimize/demos.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dspy::optimize {

/// What MIPROv2 chooses from, for each predictor in the program's order.
struct MiproSpace {
  std::vector<std::vector<std::string>> instructions = {};  ///< The first is the one there is.
  std::vector<DemosByPath> demo_sets = {};                  ///< Empty: demonstrations are not searched.
  std::vector<Sampling> samplings = {};                     ///< Beside the predictors' own.
};

struct MiproTrials {
  std::size_t num_trials = 10;
  bool minibatch = true;
  std::size_t minibatch_size = 35;
  std::size_t full_eval_steps = 5;
  std::uint64_t seed = 9;
};

/// A measurement, for reports: what was chosen, and what it was worth in percent.
struct MiproTrial {
  std::vector<std::size_t> point;  ///< In the order of `space_of`.
  bool is_full = false;
  std::vector<std::size_t> rows = {};  ///< Of a minibatch.
  double score = 0;
};

/// Finds the best combination of the space; candidates of `search` are its points.
std::vector<MiproTrial> search_combinations(Search& search, const Program& student, const MiproSpace& space,
                                            const std::vector<Example>& valset, const MiproTrials& trials,
                                            PythonRandom& random);

/// Example rows of a minibatch, in the order drawn.
std::vector<std::size_t> minibatch_of(std::size_t rows, std::size_t size, PythonRandom& random);

/// DSPy's number of trials for so many candidates.
std::size_t trials_for(std::size_t predictors, bool is_zero_shot, std::size_t candidates);

}  // namespace dspy::optimize
