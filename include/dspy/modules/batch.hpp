#pragma once

#include "dspy/modules/predictor.hpp"

#include <expected>
#include <vector>

namespace dspy {

/// One call of many: by any predictor.
struct BatchCall {
  Predictor predictor;
  JsonObject inputs = {};
};

/// Makes all calls concurrently, like `Predictor::batch` for one predictor.  Used by evaluation and optimizers: calls
/// of several programs or candidates are ordered so that those with the same instructions, demonstrations and first
/// inputs follow each other.
std::vector<std::expected<Prediction, Error>> batch(std::vector<BatchCall> calls, const BatchOptions& options = {});
Async<std::vector<std::expected<Prediction, Error>>> abatch(std::vector<BatchCall> calls, BatchOptions options = {});

}  // namespace dspy
