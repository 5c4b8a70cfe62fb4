#pragma once

#include "dspy/lm/reply.hpp"
#include "dspy/optimize/kernel/rollout.hpp"
#include "optimize/kernel/records/score_record.hpp"

#include <optional>
#include <string>

namespace dspy::optimize {

/// A line of a checkpoint after the first: one of the three is set, none for a kind that is not known.
struct CheckpointRecord {
  std::string key = {};
  std::optional<Reply> reply = {};
  std::optional<Rollout> rollout = {};
  std::optional<ScoreRecord> score = {};
};

/// Throws `Error` (`config_error`) for anything that a search does not write.
CheckpointRecord checkpoint_record_from_json(const JsonObject& written);

}  // namespace dspy::optimize
