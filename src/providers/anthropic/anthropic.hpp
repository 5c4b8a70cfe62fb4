#pragma once

#include "dspy/base/usage.hpp"
#include "providers/protocol.hpp"

#include <memory>

namespace dspy::providers::anthropic {

/// A conversation in the form of Messages: the system text is separate.
struct WireChat {
  JsonArray system = {};
  JsonArray messages = {};
};

/// `cite`: documents may be cited, which is not possible with a schema.
WireChat write_messages(const Chat& messages, const Dialect& dialect, bool cite, Notes& notes);
/// Marks how far the provider may keep the prompt.
void write_cache_marks(WireChat& chat, JsonArray& tools, const Request& request, Notes& notes);

Usage read_usage(const JsonObject& usage);

WireRequest write(const Request& request, const Target& target);
Reply read(const JsonObject& body, const Dialect& dialect);
std::unique_ptr<Reducer> reduce(const Dialect& dialect);

}  // namespace dspy::providers::anthropic
