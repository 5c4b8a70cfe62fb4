#pragma once

#include "dspy/optimize/gepa.hpp"

#include <cstddef>
#include <vector>

namespace dspy::optimize {

/// Reflects, mutates and merges until `budget` examples were run; candidates of `search` are what was tried.  An
/// example that fails has `failure_score` for each of the metric's aims.
void evolve(Search& search, const GepaOptions& options, const Program& student, const std::vector<Example>& train,
            const std::vector<Example>& val, std::size_t budget, double failure_score);

}  // namespace dspy::optimize
