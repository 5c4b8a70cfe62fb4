#pragma once

#include "dspy/lm/exchange_json.hpp"

#include <string>

// The vocabulary of lm15, the model layer of DSPy 3.4, as JSON: to our types and back.

namespace dspy::lm15 {

Request request(const JsonObject& lm15);
JsonObject to_lm15(const Request& request, const std::string& model);

Reply response(const JsonObject& lm15);
JsonObject to_lm15(const Reply& reply);

}  // namespace dspy::lm15
