#pragma once

#include "dspy/base/json.hpp"
#include "dspy/evaluate/metric.hpp"

#include <optional>
#include <string>

namespace dspy::optimize {

/// What a metric said, kept.
struct ScoreRecord {
  Score score = {};
  std::optional<std::string> failure = {};
};

JsonObject to_json(const ScoreRecord& record);
/// Throws `Error` (`config_error`) for anything that `to_json` does not write.
ScoreRecord score_from_json(const JsonObject& written);

}  // namespace dspy::optimize
