#include "optimize/kernel/worth.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstdint>

namespace dspy::optimize {

std::vector<double> scores_of(std::span<const Outcome> outcomes) {
  std::vector<double> out(outcomes.size());
  std::ranges::transform(outcomes, out.begin(), [](const Outcome& each) { return each.score.value; });
  return out;
}

std::vector<std::optional<std::map<std::string, double>>> objectives_of(std::span<const Outcome> outcomes) {
  std::vector<std::optional<std::map<std::string, double>>> out(outcomes.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].is_scored()) out[i] = outcomes[i].score.objectives;
  }
  return out;
}

Worth worth_of(std::span<const Outcome> outcomes, const SearchOptions::Price& price) {
  Worth out;
  for (const auto& each : outcomes) {
    out.score += each.score.value;
    out.seconds += each.rollout->seconds;
    const auto tokens =
        each.rollout->usage.requests == 0 ? std::optional<std::uint64_t>(0) : each.rollout->usage.total_tokens();
    if (!tokens) out.tokens.reset();
    if (out.tokens) *out.tokens += static_cast<double>(*tokens);
  }
  const auto count = static_cast<double>(outcomes.size());
  out.score /= count;
  out.seconds /= count;
  if (out.tokens) *out.tokens /= count;
  if (price.per_1000_tokens != 0 && !out.tokens)
    throw Error(
        Errc::unsupported,
        "runs have a price by tokens, and the model does not say how many it took; leave the price of tokens out");
  out.value = out.score - price.per_1000_tokens * out.tokens.value_or(0) / 1000 - price.per_second * out.seconds;
  return out;
}

}  // namespace dspy::optimize
