#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/sampling.hpp"

// Sampling as program files and descriptions of models hold it: the members that are set.

namespace dspy {

JsonObject to_json(const Sampling& sampling);
/// Throws `Error` (`config_error`) that names a member which is unknown or of the wrong kind.
Sampling sampling_from_json(const JsonObject& written);

}  // namespace dspy
