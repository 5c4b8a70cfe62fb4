#pragma once

#include "dspy/optimize/simba.hpp"

#include <cstddef>
#include <vector>

namespace dspy::optimize {

/// Makes programs step by step from the first candidate of `search`, which is `student`; further candidates are what
/// was tried.  Returns those that are to be compared in the end.
std::vector<std::size_t> ascend(Search& search, const SimbaOptions& options, const Program& student,
                                const Training& training);

}  // namespace dspy::optimize
