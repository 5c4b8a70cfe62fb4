#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"
#include "server/scoring/completions.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server::scoring {

/// What came of one prompt once.
struct Continuation {
  std::vector<llama::Token> prompt = {};
  std::string prompt_text = {};  ///< As it is echoed.
  llama::Generated reply = {};
  std::optional<std::vector<double>> prompt_logprobs = {};  ///< Of the prompt's tokens but the first.
  std::vector<std::pair<llama::Token, double>> named = {};  ///< `logprob_token_ids`
};

/// `{"text", "index", "logprobs", "finish_reason"}`
JsonObject choice_of(const Continuation& each, const CompletionsAsked& asked, const llama::Model& model,
                     std::size_t index);

}  // namespace dspy::server::scoring
