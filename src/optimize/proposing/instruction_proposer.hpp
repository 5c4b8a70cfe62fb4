#pragma once

#include "dspy/optimize/gepa.hpp"

namespace dspy::optimize {

/// Has a model read what happened and write a better instruction.  Empty if it could not.
std::string propose_instruction(Search& search, const Program& student, const Reflection& reflection,
                                const std::shared_ptr<LM>& lm, const InstructionProposerOptions& options,
                                std::uint64_t number);

}  // namespace dspy::optimize
