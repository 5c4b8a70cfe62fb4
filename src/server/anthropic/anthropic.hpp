#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "server/protocols/asked.hpp"
#include "server/protocols/reply_writer.hpp"

#include <memory>
#include <string_view>

// Anthropic's Messages: requests read, replies written.  Facts of the format: API reference of August 2026.

namespace dspy::server::anthropic {

Asked read_messages(const JsonObject& body);
/// The same body without what only matters for a reply; `max_tokens` is not required.
Asked read_count(const JsonObject& body);
JsonObject write_message(const Reply& reply, const Asked& asked, const Stamp& stamp);
std::unique_ptr<ReplyWriter> stream_messages(const Asked& asked, const Stamp& stamp);

/// `{"type": "error", "error": {"type", "message"}}`
Json error_body(const Error& error, int status);

std::string_view stop_reason_of(const Completion& completion);
/// Input without tokens read from or written to a cache, as Anthropic counts; null if unknown.
Json usage_of(const Usage& usage);

}  // namespace dspy::server::anthropic
