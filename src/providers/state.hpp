#pragma once

#include "dspy/base/usage.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/lm/part.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/providers/dialect.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace dspy::providers {

/// What a continuation holds, if it is of this provider: state goes back to where it came from, and nowhere else.
const JsonObject* state_of(const Json& continuation, const Dialect& dialect);
Json make_state(const Dialect& dialect, JsonObject members);

/// Marks the state in a reply with the account that it is of, since providers encrypt and sign it for that one.
void bind_state(Reply& reply, std::string_view account);

/// Takes state of another account out of what is to be sent: its provider would refuse the request.  Returns how many
/// there were.  State that does not say whose it is stays.
std::size_t drop_foreign_state(Chat& messages, const Dialect& dialect, std::string_view account);

/// An id for a tool call to which the provider gave none; the same for the same reply.
std::string made_id(std::string_view reply, std::size_t completion, std::size_t call);

/// Throws `Error` (`parse_error`, with the text in `raw`) if the arguments are not an object.
ToolCallPart tool_call(std::string id, std::string name, const Json* arguments, const Usage& usage,
                       const Dialect& dialect);

/// Throws the error that the body of a reply with status 200 tells of, if it does.
void throw_error_in(const JsonObject& body, const Dialect& dialect);

/// Throws `Error` (`unavailable`): a reply of status 200 that has no answer.
[[noreturn]] void no_answer(const JsonObject& body, const Usage& usage, const Dialect& dialect);

}  // namespace dspy::providers
