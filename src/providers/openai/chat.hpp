#pragma once

#include "providers/protocol.hpp"

#include <memory>

namespace dspy::providers::openai {

WireRequest write_chat(const Request& request, const Target& target);
Reply read_chat(const JsonObject& body, const Dialect& dialect);
std::unique_ptr<Reducer> reduce_chat(const Dialect& dialect);

WireRequest write_responses(const Request& request, const Target& target);
Reply read_responses(const JsonObject& body, const Dialect& dialect);
std::unique_ptr<Reducer> reduce_responses(const Dialect& dialect);

}  // namespace dspy::providers::openai
