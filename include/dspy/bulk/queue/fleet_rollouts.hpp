#pragma once

#include "dspy/optimize/kernel/backend.hpp"
#include "dspy/programs/program.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

// An optimizer whose programs are run by a fleet: one process searches, and puts each run into a queue; workers that
// have the same program and model make it.

namespace dspy {

/// What distinguishes workers of such a queue from workers of rows: `run_worker`'s `version`.
constexpr std::string_view rollout_version = "rollouts 1";

/// Run by a worker: takes a rollout as a row, applies the candidate's prompts to `program`, and answers with the
/// result.  A rollout of another program, or for another model, ends the worker (`config_error`) and is left to the
/// others.
Program rollout_program(Program program);

struct FleetRolloutOptions {
  std::string name = "dspy";                 ///< The queue: a stream of that name, as of `redis_queue`.
  std::chrono::milliseconds poll{20};        ///< How often answers are looked for.
  std::chrono::seconds stall{600};           ///< The search ends when no worker answers for so long.
  std::chrono::milliseconds outage{30'000};  ///< How long the server may be gone.
  std::size_t batch = 100;                   ///< Answers that are read at once.
};

/// For `SearchOptions::backend`.  A run that was answered in this queue before, such as for a search that was killed,
/// is not made again.  Throws `Error` (`config_error`) for a URL that cannot be read.
std::shared_ptr<optimize::RolloutBackend> redis_rollouts(std::string_view url, FleetRolloutOptions options = {});

namespace bulk {
/// A run as a row, and back.  Throws `Error` (`bad_input`) for anything else.
JsonObject to_row(const optimize::RolloutRequest& request);
/// What a worker answered.  Throws `Error` (`config_error`) with the worker's message where it is an error.
optimize::Rollout rollout_of(const JsonObject& answer);
}  // namespace bulk

}  // namespace dspy
