#pragma once

#include "dspy/agents/tools.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/signature/type.hpp"

#include <memory>

namespace dspy {

/// What the arguments of a call may be: those of one of the tools, or none.  Where a tool's schema says more than a
/// type can, any object is among them.
Type arguments_of_any(const Tools& tools);

/// The same model, with the contract's output `next_tool_args` constrained to `arguments`.  Replies are read as usual:
/// arguments that a tool does not accept are reported to the model as the tool's result, not rejected as a reply.
std::shared_ptr<LM> held_to(std::shared_ptr<LM> lm, std::shared_ptr<const Type> arguments);

}  // namespace dspy
