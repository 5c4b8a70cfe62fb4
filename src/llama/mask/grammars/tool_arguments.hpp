#pragma once

#include "dspy/llama/tool_contract.hpp"
#include "llama/mask/contract.hpp"

#include <string_view>

namespace dspy::llama::mask {

/// The arguments of a tool as a format has them: an object, elements, or `key=value`.  What no mask can hold of their
/// schema is written free, and is in `grammar.unenforced`.
Expr arguments_of(Grammar& grammar, const ToolDefinition& tool, const ToolFormat& format);

/// Any text without another in it.
Expr text_without(Pool& pool, std::string_view text);

}  // namespace dspy::llama::mask
