#pragma once

#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/statistics.hpp"

#include <map>
#include <string>
#include <vector>

namespace dspy {

/// How likely the program said its answers were, and whether they were right: by output, for the rows whose prediction
/// has a probability of the output's value (a decision, or `Sampling::logprobs`) and whose example has a label.
std::map<std::string, std::vector<statistics::Forecast>> forecasts_of(const EvaluationResult& result);

}  // namespace dspy
