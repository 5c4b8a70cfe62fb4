#pragma once

#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"

#include <string>

// Requests to language models and their replies as JSON: for traces, caches, queues and tests.  Reading the JSON gives
// an equal value, except for the names below.  Empty members are omitted; reading throws `Error` (`config_error`) that
// names the member which is unknown or of the wrong kind.

namespace dspy {

/// `{"type": "text", "text": …}`; bytes as base64.
JsonObject to_json(const Part& part);
Part part_from_json(const JsonObject& written);

/// `{"role": …, "content": …}`: a text, or a list of parts where there is more.
JsonObject to_json(const Message& message);
Message message_from_json(const JsonObject& written);
Chat chat_from_json(const JsonArray& written);

/// Without the validators of fields, which are functions, and without the signature's inputs and instructions, which
/// do not bear on replies.
JsonObject to_json(const OutputContract& contract);
OutputContract contract_from_json(const JsonObject& written);

/// Without `deadline` and `stop`.
JsonObject to_json(const Request& request);
Request request_from_json(const JsonObject& written);

/// SHA-256 of the JSON, in hexadecimal: equal for equal requests, in every process and version of the library that
/// writes the same JSON.
std::string digest(const Request& request);

JsonObject to_json(const Completion& completion);
Completion completion_from_json(const JsonObject& written);

JsonObject to_json(const Reply& reply);
Reply reply_from_json(const JsonObject& written);

}  // namespace dspy
