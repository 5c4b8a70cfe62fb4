#include "optimize/screening.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/optimize/kernel/search.hpp"
#include "dspy/signature/example.hpp"
#include "optimize/kernel/rank_correlation.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace dspy::optimize {
namespace {

struct Screened {
  std::vector<std::size_t> candidates;
  std::vector<double> likelihoods;  ///< Of each, by token.
};

/// How well the likelihoods predicted the scores of all candidates measured so far.
void report_on(Search& search, const Screened& all) {
  auto& told = search.report().details["screening"];
  JsonArray rows;
  if (told.is_object()) rows = std::move(told.get_object().at("candidates").get_array());
  for (std::size_t i = 0; i < all.candidates.size(); ++i) {
    const auto& candidate = search.candidates()[all.candidates[i]];
    JsonObject row{{"candidate", all.candidates[i]}, {"logprob_per_token", all.likelihoods[i]}};
    if (candidate.score) row["score"] = *candidate.score;
    rows.emplace_back(std::move(row));
  }
  std::vector<double> likelihoods, scores;
  for (const auto& each : rows) {
    const auto* const score = each.get_object().if_contains("score");
    if (score == nullptr) continue;
    likelihoods.push_back(each.get_object().at("logprob_per_token").get_double());
    scores.push_back(score->get_double());
  }
  JsonObject screening{{"candidates", std::move(rows)}};
  if (const auto correlation = rank_correlation(likelihoods, scores)) screening["rank_correlation"] = *correlation;
  told = std::move(screening);
}

}  // namespace

void require_screening(const std::optional<std::size_t>& screen_to, const std::optional<double>& race) {
  if (screen_to == 0)
    throw Error(Errc::invalid_parameter, "`screen_to` is the number of candidates to measure; it must be at least 1");
  if (race && !(*race > 0 && *race < 1))
    throw Error(Errc::invalid_parameter, std::format("`race` is a probability between 0 and 1, not {}", *race));
}

void screen_and_race(Search& search, std::vector<std::size_t> candidates, std::span<const Example> examples,
                     const std::optional<std::size_t>& screen_to, const std::optional<double>& race) {
  std::optional<Screened> screened;
  if (screen_to) {
    if (auto found = search.likelihoods(candidates, examples)) {
      screened = Screened{candidates, *std::move(found)};
      std::vector<std::size_t> order(candidates.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return screened->likelihoods[i]; });
      order.resize(std::min(order.size(), *screen_to));
      std::ranges::sort(order);
      for (auto& i : order) i = screened->candidates[i];
      candidates = std::move(order);
    }
  }
  if (race) {
    search.race(candidates, examples, *race);
  } else {
    search.run_ahead(candidates, examples);
    for (const auto candidate : candidates) search.evaluate(candidate, examples);
  }
  if (screened) report_on(search, *screened);
}

}  // namespace dspy::optimize
