#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/completion.hpp"

#include <expected>

namespace dspy {

/// `exchange.parse(completion)` for a reply that came through `stream`, which was opened by that exchange and finished;
/// null where the reply was not streamed.  A stream reads the whole reply at its end: where the completion has the same
/// text, that reading is used, and the reply is not read a second time.  A reading is used once.
std::expected<Reading, Unreadable> parse_streamed(const Exchange& exchange, FieldStream* stream,
                                                  const Completion& completion);

}  // namespace dspy
