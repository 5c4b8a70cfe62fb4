#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "server/protocols/asked.hpp"
#include "server/protocols/reply_writer.hpp"

#include <memory>
#include <string>

// Ollama's own API: requests read, replies written.  Facts of the format: its API document of August 2026.

namespace dspy::server::ollama {

Asked read_chat(const JsonObject& body);
JsonObject write_chat(const Reply& reply, const Asked& asked, const Stamp& stamp);
std::unique_ptr<ReplyWriter> stream_chat(const Asked& asked, const Stamp& stamp);

Asked read_generate(const JsonObject& body);
JsonObject write_generate(const Reply& reply, const Asked& asked, const Stamp& stamp);
std::unique_ptr<ReplyWriter> stream_generate(const Asked& asked, const Stamp& stamp);

/// `{"error": "…"}`
Json error_body(const Error& error, int status);

/// RFC 3339, in UTC.
std::string time_text(std::int64_t seconds);
/// Ollama's clients may ask for `name:latest`, which is `name` here.
std::string plain_name(std::string name);

}  // namespace dspy::server::ollama
