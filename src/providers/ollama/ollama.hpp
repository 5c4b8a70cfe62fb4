#pragma once

#include "providers/protocol.hpp"

#include <memory>

namespace dspy::providers::ollama {

WireRequest write(const Request& request, const Target& target);
Reply read(const JsonObject& body, const Dialect& dialect);
std::unique_ptr<Reducer> reduce(const Dialect& dialect);

}  // namespace dspy::providers::ollama
