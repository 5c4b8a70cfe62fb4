#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/likelihood.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/modules/configure.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/optimize/kernel/search.hpp"
#include "dspy/signature/example.hpp"
#include "optimize/kernel/fault.hpp"
#include "optimize/kernel/search_state.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Screening of candidates: how likely the model finds the answers that the examples have.

namespace dspy::optimize {
namespace {

/// The program's predictor, if it has one only.
std::optional<Predictor> only_predictor(const Program& program) {
  std::optional<Predictor> found;
  std::size_t count = 0;
  program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    ++count;
    found = predictor;
  });
  return count == 1 ? found : std::nullopt;
}

std::optional<std::string> missing_output(const Predictor& predictor, std::span<const Example> examples) {
  for (const auto& field : predictor.signature().outputs) {
    const auto has_it = [&](const Example& example) { return example.data.contains(field.name); };
    if (!std::ranges::all_of(examples, has_it)) return field.name;
  }
  return std::nullopt;
}

/// The right answer as a demonstration would show it.
std::optional<std::string> written_answer(const Predictor& predictor, const Example& example) {
  const auto chat = predictor.render(example.inputs(), {.history = {.turns = {example}}});
  std::optional<std::string> answer;
  for (std::size_t i = 0; i < chat.size(); ++i)
    if (chat[i].role == Role::assistant) answer = chat[i].text();
  return answer;
}

}  // namespace

std::optional<std::vector<double>> Search::likelihoods(std::span<const std::size_t> candidates,
                                                       std::span<const Example> examples) {
  auto& state = *state_;
  const auto cannot = [&](std::string why) -> std::optional<std::vector<double>> {
    note("candidates were not screened: " + why);
    return std::nullopt;
  };
  std::vector<Predictor> predictors;
  for (const auto candidate : candidates) {
    auto predictor = only_predictor(state.candidates.at(candidate).program);
    if (!predictor) return cannot("the program has more than one predictor");
    if (const auto missing = missing_output(*predictor, examples))
      return cannot(std::format("the examples lack the output `{}`", *missing));
    predictors.push_back(*std::move(predictor));
  }
  const auto lm = predictors.front().lm() ? predictors.front().lm() : settings().lm;
  auto* const scorer = dynamic_cast<LikelihoodLM*>(lm.get());
  if (scorer == nullptr) return cannot("the model cannot tell how likely it finds a given reply");

  std::vector<double> sums(candidates.size() * examples.size());
  state.halt.reset();
  wait(run_concurrently(sums.size(), state.options.concurrency, [&](std::size_t i) -> Async<void> {
    if (state.halt) co_return;
    const auto& predictor = predictors[i / examples.size()];
    const auto& example = examples[i % examples.size()];
    if (!state.book->ledger->take_request()) {
      state.halt_by(Error(Errc::token_budget_exhausted, state.book->ledger->exhausted()));
      co_return;
    }
    const auto answer = written_answer(predictor, example);
    if (!answer || answer->empty())
      throw Error(Errc::unsupported, "candidates cannot be screened: the adapter shows no earlier turns as replies");
    Request request;
    request.messages = predictor.render(example.inputs());
    const auto found = co_await scorer->likelihood(std::move(request), *answer);
    state.book->ledger->spend(found.usage);
    sums[i] = found.logprob / static_cast<double>(std::max<std::size_t>(found.tokens, 1));
  }));
  if (state.halt) throw *std::exchange(state.halt, std::nullopt);
  std::vector<double> out;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto rows = std::span(sums).subspan(i * examples.size(), examples.size());
    out.push_back(std::ranges::fold_left(rows, 0.0, std::plus()) / static_cast<double>(examples.size()));
  }
  return out;
}

}  // namespace dspy::optimize
