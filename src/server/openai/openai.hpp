#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "server/protocols/asked.hpp"
#include "server/protocols/members.hpp"
#include "server/protocols/reply_writer.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

// OpenAI's APIs: requests read, replies written.  Facts of the formats: API reference and SDKs of August 2026.

namespace dspy::server::openai {

// Chat Completions.
Asked read_chat(const JsonObject& body);
JsonObject write_chat(const Reply& reply, const Asked& asked, const Stamp& stamp);
std::unique_ptr<ReplyWriter> stream_chat(const Asked& asked, const Stamp& stamp);

// Responses.
Asked read_response(const JsonObject& body);
JsonObject write_response(const Reply& reply, const Asked& asked, const Stamp& stamp);
std::unique_ptr<ReplyWriter> stream_response(const Asked& asked, const Stamp& stamp);

/// `{"error": {"message", "type", "param", "code"}}`
Json error_body(const Error& error, int status);

// Parts of both.

/// Temperature, `top_p`, and the additional options of servers for open models.
void read_sampling(Members& body, Sampling& sampling);
void read_effort(const std::string& effort, std::string_view place, ProviderOptions& options);
/// `stop`: a text, or a list of them.
std::vector<std::string> read_stops(Members& body, std::string_view name);
/// `{"type": "json_schema", …}`, whose schema is in `inner` (itself in Responses).
OutputContract read_schema(Members& inner);
/// One content part of a message.
Part read_part(const JsonObject& part, const std::string& place);
/// What a message says: a text, or a list of parts.
std::vector<Part> read_content(const Json& content, const std::string& place);
ToolDefinition read_function(Members& function);
/// `auto`, `required`, `none`; another is refused.
ToolChoice::Mode read_mode(std::string_view word, std::string_view place);
/// Members that are about billing and tracking.
void ignore_common(Members& body);

std::string_view finish_reason_of(const Completion& completion);
/// In the form of Chat Completions; null if unknown.
Json usage_of(const Usage& usage);
/// `[{"token", "bytes", "logprob", "top_logprobs"}]`
JsonArray logprobs_of(const std::vector<TokenLogprob>& tokens);

}  // namespace dspy::server::openai
