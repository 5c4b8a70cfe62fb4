#pragma once

#include "dspy/adapters/adapter.hpp"

#include <expected>

namespace dspy {

/// True if a completion has more than text that an output may be: tool calls, citations, thoughts.
inline bool has_typed_parts(const Completion& completion) noexcept {
  return !completion.tool_calls.empty() || !completion.citations.empty() || !completion.reasoning.empty();
}

/// What was read from a completion's text, with the outputs that its other parts are in their places.  An output that
/// the text has as well, with another value, gets the flag `written_otherwise`.
std::expected<Reading, Unreadable> with_typed_parts(const Signature& signature, const Completion& completion,
                                                    std::expected<Reading, Unreadable> reading);

}  // namespace dspy
