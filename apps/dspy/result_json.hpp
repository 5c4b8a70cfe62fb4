#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/signature/prediction.hpp"

#include <vector>

// Results as JSON.

namespace dspy::app {

JsonArray to_json(const std::vector<Flag>& flags);
JsonObject to_json(const Chat& messages);
JsonObject to_json(const Prediction& prediction);
JsonObject error_object(const Error& error);

}  // namespace dspy::app
