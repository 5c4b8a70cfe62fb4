#pragma once

#include "dspy/evaluate/evaluate.hpp"

#include <string>

namespace dspy::app {

/// Results that `dspy eval --output FILE.json` wrote.  Throws `Error` (`bad_input`, `io_error`) for other files.
EvaluationResult read_evaluation(const std::string& path);

}  // namespace dspy::app
