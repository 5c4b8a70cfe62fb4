#pragma once

#include "dspy/optimize/gepa.hpp"

#include <cstddef>
#include <vector>

namespace dspy::optimize {

/// Reflects, mutates and merges until `budget` examples were run; candidates of `search` are what was tried.
void evolve(Search& search, const GepaOptions& options, const Program& student, const std::vector<Example>& train,
            const std::vector<Example>& val, std::size_t budget);

}  // namespace dspy::optimize
