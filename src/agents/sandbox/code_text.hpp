#pragma once

#include "dspy/agents/sandbox/interpreter.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/signature.hpp"

#include <chrono>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

// What modules that have a model write code share.

namespace dspy::code {

/// The code in a model's text: the content of its first fence, or all of it.  An error, for the model, if there is
/// none.
std::expected<std::string, std::string> extracted(std::string_view text);

/// The code with its last assignment's name as a last line, so that it has a value.
std::string with_last_value(std::string code);

/// What an execution came to, for the model: output and value.  `failure` is empty unless it did not work.
struct Told {
  std::string output = {};
  std::string failure = {};
};
Told told(const Execution& execution);

/// At most `most` letters (bytes, on the borders of characters), cut out of the middle, with a note of how many.
std::string cut(std::string text, std::size_t most);

/// `name(parameter, …): description` for each, one a line.
std::string listing(const std::vector<HostFunction>& functions);

/// `a`, `b` and `c` of fields, each between backticks.
std::string names_of(const std::vector<Field>& fields);

/// A trajectory as a prompt has it: each value under its name.
std::string trajectory_text(const JsonObject& trajectory);

/// What an execution may take: its own limit, and what the call allows.
ExecuteRequest request_for(std::string code, const CallOptions& options, const CallContext* context,
                           std::chrono::milliseconds limit, JoinedStop& stop);

}  // namespace dspy::code
