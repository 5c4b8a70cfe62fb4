#pragma once

#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/message.hpp"

namespace dspy::llama {

/// The conversation as text only: the tools are described in the system message, calls are written as the model writes
/// them, results as turns that follow them.  `contract` may be null where no tool is offered any more.  Throws `Error`
/// (`unsupported`) for a result that is not text.
Chat with_tools_as_text(const Chat& chat, const ToolContract* contract, const ToolFormat& format);

/// Whether a conversation has calls or results in it.
bool has_tool_parts(const Chat& chat) noexcept;

}  // namespace dspy::llama
