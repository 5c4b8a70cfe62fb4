#include "dspy/optimize/kernel/python_random.hpp"
#include "dspy/optimize/kernel/race.hpp"
#include "dspy/optimize/kernel/search.hpp"
#include "optimize/kernel/search_state.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <format>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Candidates that run beside each other, and are stopped when they can hardly win any more.

namespace dspy::optimize {
namespace {

/// Examples between two looks.  Not the concurrency: what is found must not depend on it.
constexpr std::size_t stride = 8;

struct Runner {
  std::size_t candidate;
  Race race;
  std::vector<std::size_t> order;  ///< Of the examples.
  std::vector<std::optional<Outcome>> outcomes;
};

std::vector<std::size_t> drawn_order(std::size_t count, const std::string& digest) {
  std::uint64_t seed = 0;
  std::from_chars(digest.data(), digest.data() + 15, seed, 16);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  PythonRandom(seed).shuffle(order);
  return order;
}

bool is_in_range(double score) {
  return score >= 0 && score <= 1;
}

/// Of the first `count` examples in its order.
double mean_score(const Runner& runner, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += runner.outcomes[runner.order[i]]->score.value;
  return sum / static_cast<double>(count);
}

/// Adds what came of the examples from `begin` to `end` of each runner's order; `outcomes` has them runner by runner.
void add_outcomes(std::vector<Runner>& runners, std::size_t begin, std::size_t end, std::span<const Outcome> outcomes,
                  std::span<const double> to_beat) {
  std::size_t at = 0;
  for (auto& runner : runners) {
    for (auto i = begin; i < end; ++i, ++at) {
      const auto row = runner.order[i];
      runner.race.add(outcomes[at].score.value, to_beat[row]);
      runner.outcomes[row] = outcomes[at];
    }
  }
}

}  // namespace

void Search::race(std::span<const std::size_t> candidates, std::span<const Example> examples, double alpha) {
  auto& state = *state_;
  const auto incumbent = best();
  const bool can_stop = incumbent && state.options.price.is_free() && !state.book->ledger->has_limits() &&
                        state.candidates[*incumbent].row_scores.size() == examples.size() &&
                        std::ranges::all_of(state.candidates[*incumbent].row_scores, is_in_range);
  if (!can_stop || candidates.empty()) {
    run_ahead(candidates, examples);
    for (const auto candidate : candidates) evaluate(candidate, examples);
    return;
  }
  const auto to_beat = state.candidates[*incumbent].row_scores;
  std::vector<Runner> runners;
  for (const auto candidate : candidates)
    runners.push_back({.candidate = candidate,
                       .race = Race(examples.size(), alpha / static_cast<double>(candidates.size())),
                       .order = drawn_order(examples.size(), digest(state.candidates.at(candidate).program)),
                       .outcomes = std::vector<std::optional<Outcome>>(examples.size())});
  for (std::size_t begin = 0; begin < examples.size(); begin += stride) {
    const auto end = std::min(begin + stride, examples.size());
    std::vector<Job> jobs;
    for (const auto& runner : runners) {
      const auto& one = state.candidates[runner.candidate];
      for (auto i = begin; i < end; ++i)
        jobs.push_back({.program = &one.program, .example = &examples[runner.order[i]], .variant = one.variant});
    }
    const auto outcomes = run(jobs);
    if (!std::ranges::all_of(outcomes, [](const Outcome& each) { return is_in_range(each.score.value); })) {
      note("no candidate was stopped early: the metric gives scores outside 0 to 1");
      for (const auto& runner : runners) evaluate(runner.candidate, examples);
      return;
    }
    add_outcomes(runners, begin, end, outcomes, to_beat);
    std::erase_if(runners, [&](const Runner& runner) {
      if (!runner.race.is_lost() || end == examples.size()) return false;
      const double mean = mean_score(runner, end);
      auto& one = state.candidates[runner.candidate];
      one.minibatch_scores.push_back(mean);
      tell({.kind = Event::Kind::minibatch,
            .candidate = runner.candidate,
            .score = mean,
            .text = std::format("stopped after {} of {} examples: {}", end, examples.size(), one.origin)});
      state.report.details["stopped_early"] = (state.report.details.contains("stopped_early")
                                                   ? state.report.details["stopped_early"].to_number<std::uint64_t>()
                                                   : 0) +
                                              1;
      return true;
    });
  }
  for (const auto& runner : runners) {
    std::vector<Outcome> all;
    for (const auto& outcome : runner.outcomes) all.push_back(*outcome);
    measured(runner.candidate, all);
  }
}

}  // namespace dspy::optimize
