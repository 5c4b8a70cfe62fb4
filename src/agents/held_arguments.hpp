#pragma once

#include "dspy/agents/tools.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/signature/type.hpp"

#include <memory>

namespace dspy {

/// What the arguments of a call may be: those of one of the tools, or none.  Where a tool's schema says more than a
/// type can, any object is among them.
Type arguments_of_any(const Tools& tools);

/// The same model, held to `arguments` where a reply's output `next_tool_args` is held to a contract.  Replies are read
/// as ever: what a tool does not take is told to the model as the tool's result, not refused as a reply.
std::shared_ptr<LM> held_to(std::shared_ptr<LM> lm, std::shared_ptr<const Type> arguments);

}  // namespace dspy
