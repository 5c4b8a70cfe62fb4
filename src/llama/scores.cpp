#include "dspy/llama/scores.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"
#include "llama/mask/vocabulary.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <limits>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

[[noreturn]] void refuse(std::size_t option, std::string_view why) {
  throw Error(Errc::invalid_parameter, std::format("option {} {}", option + 1, why));
}

/// Their shares of one, worked out from the largest so that small ones do not vanish.
void share(std::vector<OptionScore>& options) {
  double most = -std::numeric_limits<double>::infinity();
  for (const auto& option : options) most = std::max(most, option.logprob);
  if (!std::isfinite(most)) return;  // the model rules all of them out
  double sum = 0;
  for (auto& option : options) sum += option.probability = std::exp(option.logprob - most);
  for (auto& option : options) option.probability /= sum;
}

Async<std::vector<OptionScore>> score_all(Engine* engine, std::vector<Token> prompt,
                                          std::vector<std::vector<Token>> options, std::stop_token stop) {
  if (options.empty()) throw Error(Errc::invalid_parameter, "there are no options; give at least one");
  std::vector<Async<Score>> works;
  works.reserve(options.size());
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i].empty()) refuse(i, "is empty; give the model something to find likely or not");
    works.push_back(engine->score({.prompt = prompt, .continuation = std::move(options[i]), .stop = stop}));
  }
  std::vector<OptionScore> out;
  for (auto& score : co_await when_all(std::move(works)))
    out.push_back({.logprob = score.logprob, .tokens = std::move(score.tokens), .is_greedy = score.is_greedy});
  share(out);
  co_return out;
}

Async<std::vector<double>> score_tokens(Engine* engine, std::vector<Token> prompt, std::vector<Token> tokens,
                                        std::stop_token stop) {
  if (tokens.empty()) co_return std::vector<double>();
  auto score =
      co_await engine->score({.prompt = std::move(prompt), .named = std::move(tokens), .stop = std::move(stop)});
  co_return std::move(score.named);
}

}  // namespace

Async<std::vector<OptionScore>> score_options(Engine& engine, std::vector<Token> prompt,
                                              std::vector<std::vector<Token>> options, std::stop_token stop) {
  return score_all(&engine, std::move(prompt), std::move(options), std::move(stop));
}

Async<std::vector<OptionScore>> score_options(Engine& engine, std::vector<Token> prompt,
                                              const std::vector<std::string>& options, std::stop_token stop) {
  const auto vocabulary = engine.model().mask_vocabulary();
  std::vector<std::vector<Token>> tokens;
  for (std::size_t i = 0; i < options.size(); ++i) {
    tokens.push_back(vocabulary->tokenize(options[i]));
    if (tokens.back().empty() && !options[i].empty()) refuse(i, "cannot be written by this model's tokens");
  }
  return score_all(&engine, std::move(prompt), std::move(tokens), std::move(stop));
}

Async<std::vector<double>> token_scores(Engine& engine, std::vector<Token> prompt, std::vector<Token> tokens,
                                        std::stop_token stop) {
  return score_tokens(&engine, std::move(prompt), std::move(tokens), std::move(stop));
}

}  // namespace dspy::llama
