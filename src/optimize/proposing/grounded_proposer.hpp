#pragma once

#include "dspy/optimize/mipro_v2.hpp"
#include "optimize/demos.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace dspy::optimize {

/// Has a model write instructions that fit data, program and demonstrations.
///
/// What is said about the data and the program is asked for once a search, that about a predictor once for each; then
/// one request an instruction.  The first instruction is the one there is.
std::vector<std::vector<std::string>> propose_instructions(Search& search, const Program& student,
                                                           const std::vector<Example>& trainset,
                                                           const std::vector<DemosByPath>& demo_sets, std::size_t count,
                                                           const MiproOptions& options, PythonRandom& random);

}  // namespace dspy::optimize
