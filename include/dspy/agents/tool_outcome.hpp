#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/part.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The context of a tool call.
struct ToolContext {
  CallContext call = {};  ///< Deadline, stop, budget and trace of the agent's run.
  std::string call_id = {};
  /// The same where a call is made again after a crash: hand it to systems that do nothing twice.
  std::string idempotency_key = {};
};

/// The result of a tool call.
struct ToolOutcome {
  Json value = {};  ///< A text is shown as it is, anything else as JSON.
  bool is_error = false;
  /// What the model sees in place of `value`: pictures, for example.  Empty: the value.
  std::vector<Part> parts = {};
  /// The agent that takes over from this one, which ends here; only a `Team` has one.
  std::string hands_to = {};
  std::size_t left_out = 0;  ///< Bytes of the result that were cut out of the middle of `value`.

  static ToolOutcome error(std::string_view message) { return {.value = Json(message), .is_error = true}; }

  bool operator==(const ToolOutcome&) const = default;
};

/// The text that a model reads: a text verbatim, anything else as JSON.
std::string observation(const ToolOutcome& outcome);

/// The outcome with at most `max_bytes` of text, cut out of the middle with a note that says how much is missing.
ToolOutcome capped(ToolOutcome outcome, std::size_t max_bytes);

/// `{"value", "is_error", …}`; media parts as in messages.
JsonObject to_json(const ToolOutcome& outcome);
/// Throws `Error` (`config_error`) for anything else.
ToolOutcome tool_outcome_from_json(const Json& written);

}  // namespace dspy
