#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/optimize/kernel/rollout.hpp"
#include "dspy/programs/program.hpp"

#include <stop_token>
#include <string>

// Where the runs of a search are made: in this process, or by others who have the same program.

namespace dspy::optimize {

/// A run requested by a search.
struct RolloutRequest {
  const Program* program = nullptr;  ///< As the search would try it; outlives the run.
  JsonObject inputs = {};
  Draw draw = {};
  std::string key = {};  ///< Names the run: what requests without a seed are seeded by.
  bool seeds_requests = true;
  std::stop_token stop = {};
};

/// Runs programs for a search.  What comes back must not depend on where it was made: `run_alone` has the same seeds as
/// a search of one process.
class RolloutBackend {
 public:
  virtual ~RolloutBackend() = default;

  /// A program that fails is a rollout with its failure.  Throws `Error` where the run could not be made: that ends the
  /// search.  Several are under way at once.
  virtual Async<Rollout> run(RolloutRequest request) = 0;
};

/// The run, made here as a search makes it, with requests made again where a model cannot be reached.  Throws `Error`
/// for what is not the program's fault, such as a model that stays away.
Async<Rollout> run_alone(RolloutRequest request);

}  // namespace dspy::optimize
