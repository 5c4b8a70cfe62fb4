#pragma once

#include "dspy/llama/chat_template.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/lm/tool.hpp"
#include "llama/jinja/values/value.hpp"

#include <vector>

// Conversations and tools as chat templates expect them (the form of `transformers`).

namespace dspy::llama {

struct ChatForm {
  bool joins_system = false;     ///< The template has no place for instructions.
  bool merges_turns = false;     ///< It wants roles to take turns.
  bool knows_developer = false;  ///< The role; else it is `system`.
  bool short_ids = false;        ///< Ids of calls have nine letters and digits, as Mistral's templates check.
};

/// `[{"role", "content", …}]`.  Throws `Error` (`unsupported`) for parts that are neither texts, thoughts, calls nor
/// results.
jinja::Value messages_value(const Chat& chat, const ChatForm& form);
/// `[{"type": "function", "function": {…}}]`
jinja::Value tools_value(const std::vector<ToolDefinition>& tools);

}  // namespace dspy::llama
