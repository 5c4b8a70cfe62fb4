#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/model.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace dspy::app {

struct SpeedOptions {
  int threads = 0;    ///< 0: as many as help.
  int sequences = 8;  ///< Replies at once, at most.
  int prompt = 256;   ///< Tokens read.
  int reply = 32;     ///< Tokens written by each.
  int rounds = 3;     ///< Medians of so many.
};

/// In tokens a second.
struct ModelSpeed {
  int threads = 0;
  double prefill = 0;
  std::vector<std::pair<int, double>> decode{};  ///< Of all replies together, by how many are written at once.
};

/// Runs the model on an engine of its own.  Throws what `Engine` throws.
ModelSpeed measure_speed(const std::shared_ptr<const llama::Model>& model, const SpeedOptions& options);

JsonObject to_json(const ModelSpeed& speed);

}  // namespace dspy::app
