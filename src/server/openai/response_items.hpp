#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/reply.hpp"
#include "server/protocols/asked.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// The items of a response, in their complete form and as they begin in a stream.

namespace dspy::server::openai {

JsonObject reasoning_item(const Stamp& stamp, std::string_view text);
JsonObject text_part(std::string_view text, JsonArray logprobs);
JsonObject refusal_part(std::string_view text);
JsonObject message_item(const Stamp& stamp, JsonArray content, std::string_view status);
JsonObject call_item(const Stamp& stamp, std::size_t number, const ToolCallPart& call, std::string_view arguments,
                     std::string_view status);

/// `completed` or `incomplete`; of items as well.
std::string_view status_of(const Completion& completion);
/// The response with what is known before the reply; `output` is empty.
JsonObject begun_response(const Asked& asked, const Stamp& stamp, std::string_view status);
/// The output items of the reply in their order: thoughts, message, calls; or the message before the thoughts.
JsonArray items_of(const Completion& completion, const Asked& asked, const Stamp& stamp, bool message_first);
/// `write_response`, with that order.
JsonObject whole_response(const Reply& reply, const Asked& asked, const Stamp& stamp, bool message_first);

}  // namespace dspy::server::openai
