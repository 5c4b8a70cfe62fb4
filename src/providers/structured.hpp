#pragma once

#include "dspy/lm/contract.hpp"
#include "providers/protocol.hpp"

#include <optional>
#include <string>

namespace dspy::providers {

/// A contract as a JSON Schema that the provider takes.
struct HeldSchema {
  std::string name = {};
  JsonObject schema = {};
  std::optional<bool> strict = {};
};

/// The schema of a contract of the forms `json` and `schema`; nothing for others, and for one that the provider would
/// refuse.  What it does not hold is noted.  Throws `Error` (`invalid_parameter`) for a schema that is not a JSON
/// object.
std::optional<HeldSchema> held_schema(const OutputContract& contract, const Dialect& dialect, Notes& notes);

/// Notes that nothing holds the reply to a contract of this form, if it asks for one.
void note_unenforced(const OutputContract& contract, const Dialect& dialect, Notes& notes);

/// A GBNF grammar of `contract.choices`.
std::string choices_grammar(const OutputContract& contract);

/// Whether any message speaks of JSON, which OpenAI's `json_object` wants.
bool speaks_of_json(const Chat& messages);

/// Notes what no provider has.  Throws `Error` (`unsupported`) for measured probabilities that are required.
void note_absent(const Request& request, const Dialect& dialect, Notes& notes);

}  // namespace dspy::providers
