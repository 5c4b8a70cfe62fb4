#pragma once

#include "dspy/base/async.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"

#include <stop_token>
#include <string>
#include <vector>

// How likely a model finds given answers.  Nothing is sampled; what is asked of one prompt at once is computed in
// shared steps, and the prompt once.

namespace dspy::llama {

/// One of several answers.
struct OptionScore {
  double logprob = 0;            ///< Of all its tokens.
  double probability = 0;        ///< Beside the other options alone: these sum to one.
  std::vector<double> tokens{};  ///< Of each token after those before it.
  bool is_greedy = false;        ///< A reply at temperature 0 would begin so.

  bool operator==(const OptionScore&) const = default;
};

/// How likely each of `options` is after `prompt`.  The engine must outlive the call.  Throws what `Engine::score`
/// throws, and `Error` (`invalid_parameter`) where there are no options, or an empty one, by its number.
Async<std::vector<OptionScore>> score_options(Engine& engine, std::vector<Token> prompt,
                                              std::vector<std::vector<Token>> options, std::stop_token stop = {});
/// The same of texts, as the model's tokenizer writes them in the middle of a text.
Async<std::vector<OptionScore>> score_options(Engine& engine, std::vector<Token> prompt,
                                              const std::vector<std::string>& options, std::stop_token stop = {});

/// The natural logarithm of how likely each of `tokens` is right after `prompt`, of one look at the model, however many
/// they are.  Throws what `Engine::score` throws.
Async<std::vector<double>> token_scores(Engine& engine, std::vector<Token> prompt, std::vector<Token> tokens,
                                        std::stop_token stop = {});

}  // namespace dspy::llama
