#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/model.hpp"
#include "server/protocols/members.hpp"
#include "server/scoring/local_model.hpp"

#include <string>
#include <string_view>
#include <vector>

// Tokens over HTTP, in the form of vLLM's `/tokenize` and `/detokenize`.

namespace dspy::server::scoring {

/// `{"tokens": [...]}` of a list of numbers.
std::vector<llama::Token> read_tokens(const JsonArray& list, std::string_view place);

/// `{"count", "max_model_len", "tokens", "token_strs"}`
JsonObject tokenize(const LocalModel& model, Members& body);
/// `{"prompt"}`
JsonObject detokenize(const LocalModel& model, Members& body);

}  // namespace dspy::server::scoring
