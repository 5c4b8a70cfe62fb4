#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/lm/sampling.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

// OpenAI's `/v1/completions`: texts that a model continues, without a chat.  Only for models that this server has
// loaded, with vLLM's `logprob_token_ids` in addition to OpenAI's members.

namespace dspy::server::scoring {

struct CompletionsAsked {
  std::string model = {};
  /// Texts, or tokens.
  std::vector<std::variant<std::string, std::vector<llama::Token>>> prompts = {};
  Sampling sampling = {};
  int n = 1;
  bool echo = false;
  bool adds_special = true;
  std::optional<int> logprobs = {};
  std::vector<llama::Token> token_ids = {};  ///< `logprob_token_ids`
  bool tokens_as_ids = false;
  bool is_stream = false;
  bool wants_usage = false;
};

/// Throws `Error` like the reading of any request.
CompletionsAsked read_completions(const JsonObject& body);

}  // namespace dspy::server::scoring
