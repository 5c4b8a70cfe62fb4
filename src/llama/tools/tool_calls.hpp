#pragma once

#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/request.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace dspy::llama {

/// Holds back what may be a call while a reply comes: text goes on, calls wait for the end.  For one reply and one
/// thread.
class ToolCallHolder {
 public:
  explicit ToolCallHolder(const ToolFormat& format) : format_(&format) {}

  /// Hands on text that cannot be part of a call.
  void push(std::string_view text, const std::function<void(std::string_view)>& sink);
  /// Hands on what was held, where the reply turned out to have no calls.
  void finish(bool has_calls, const std::function<void(std::string_view)>& sink);

 private:
  const ToolFormat* format_;  ///< Outlives this.
  std::string held_;
  bool begun_ = false;    ///< Something that is not blank came.
  bool in_call_ = false;  ///< All that comes is held.
};

/// Moves the calls at the end of `completion.text` to `completion.tool_calls`; `first` numbers the first one's id.
/// Throws `Error` (`parse_error`, with the reply as `raw`) for a call that cannot be read, or of a tool that there is
/// not: it is not taken for text.
void take_tool_calls(Completion& completion, const ToolContract& contract, std::size_t first);

/// What the calls of a request's reply are held to; null if it offers no tools.  Throws `Error`: `unsupported` (a tool
/// that a provider would run), `invalid_parameter` (two of a name, or a choice of one that is not offered).
std::shared_ptr<const ToolContract> tool_contract_of(const Request& request, const ToolFormat& format);

/// How many calls the conversation has.
std::size_t count_calls(const Chat& chat) noexcept;

/// The calls as events, after those of the text.
void tell_tool_calls(const Completion& completion, const Usage& usage, const EventSink& sink);

}  // namespace dspy::llama
