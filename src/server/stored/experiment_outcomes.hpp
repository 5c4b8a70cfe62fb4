#pragma once

#include "dspy/base/json.hpp"
#include "dspy/registry/experiment.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/resources/services.hpp"

#include <string>
#include <vector>

namespace dspy::server {

/// What is known of each arm, in the order of the experiment.
struct Outcomes {
  std::vector<ArmOutcomes> arms = {};
  std::vector<ArmRecord> exposed = {};  ///< Of the same arms; empty where a server divided nothing.
};

/// Of an experiment with its `id`.  Throws `Error` (`io_error`).
Outcomes outcomes(const ResourceServices& services, const std::string& tenant, const JsonObject& experiment);

/// How many values there are, by arm.
JsonObject counts_of(const Outcomes& known);
/// `{"units", "calls", "judged"}` by arm.
JsonObject exposures_of(const Outcomes& known);
/// The arms compared with the first; or `{"problem"}` while there is too little to say.
Json result_of(const Outcomes& known, double smallest_effect);

}  // namespace dspy::server
