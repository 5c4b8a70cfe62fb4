#pragma once

#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/request.hpp"

#include <cstddef>
#include <memory>

namespace dspy::llama {

/// Moves the calls at the end of `completion.text` to `completion.tool_calls`, and drops what marks the rest as text;
/// `first` numbers the first one's id. Throws `Error` (`parse_error`, with the reply as `raw`) for a call that cannot
/// be read, or of a tool that there is not: it is not taken for text.
void take_tool_calls(Completion& completion, const ToolContract& contract, std::size_t first);

/// What the calls of a request's reply are held to; null if it offers no tools.  Throws `Error`: `unsupported` (a tool
/// that a provider would run), `invalid_parameter` (two of a name, or a choice of one that is not offered).
std::shared_ptr<const ToolContract> tool_contract_of(const Request& request, const ToolFormat& format);

/// How many calls the conversation has.
std::size_t count_calls(const Chat& chat) noexcept;

/// The calls as events, after those of the text.
void tell_tool_calls(const Completion& completion, const Usage& usage, const EventSink& sink);

}  // namespace dspy::llama
