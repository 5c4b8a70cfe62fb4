#pragma once

#include "dspy/llama/tool_contract.hpp"
#include "llama/mask/contract.hpp"

namespace dspy::llama::mask {

/// Calls of the tools beside the replies that `grammar` allows so far, or instead of them if calls are required.  Where
/// those are any text, calls may come after some: it ends where the first call begins.  Arguments whose schema no mask
/// can hold may be any object, which is noted.
Expr with_tool_calls(Grammar& grammar, bool is_any_text, const ToolContract& contract);

}  // namespace dspy::llama::mask
