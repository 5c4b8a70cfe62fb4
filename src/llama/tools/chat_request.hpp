#pragma once

#include "dspy/llama/chat_template.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/lm/request.hpp"

#include <string>
#include <vector>

// How a request becomes a prompt: by the model's own template where that has a place for what the request has, else
// with that written as text.

namespace dspy::llama {

/// A conversation as the template takes it, with what it is told beside it.
struct WrittenChat {
  Chat chat = {};
  ChatOptions options = {};
  bool native_tools = false;  ///< Calls and results are parts of their own in `chat`; else they are text.
};

/// `contract` may be null.  Throws what `with_tools_as_text` throws.
WrittenChat written_for(const ChatTemplate& chat_template, const Chat& chat, const ToolContract* contract,
                        const ToolFormat& format, const ReasoningOptions& reasoning);

/// Where a template opens the thoughts itself: takes `<think>` and what follows it off the end of the prompt, for the
/// reply to begin with.  Likewise what stands before both texts and calls (`text_mark`); with no tools, the prompt goes
/// on to where the text begins.  Empty if it opens neither.
std::string take_opened(std::vector<PromptPart>& prompt, const ToolFormat& format, bool has_tools);

/// What the reply begins with, where the prompt ended with `opened`.
std::string begin_of_reply(const std::string& opened, const Prefill& prefill, bool may_think, const ToolFormat& format);

}  // namespace dspy::llama
