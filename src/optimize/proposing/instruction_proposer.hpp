#pragma once

#include "dspy/optimize/gepa.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dspy::optimize {

/// Has a model read what happened and write a better instruction, for all reflections in one stream of calls.  Empty
/// where it could not.  Draws are numbered from `first`.
std::vector<std::string> propose_instructions(Search& search, const Program& student,
                                              const std::vector<Reflection>& reflections, const std::shared_ptr<LM>& lm,
                                              const InstructionProposerOptions& options, std::uint64_t first);

}  // namespace dspy::optimize
