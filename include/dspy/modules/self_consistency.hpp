#pragma once

#include "dspy/base/concurrent.hpp"
#include "dspy/modules/detail/attempts.hpp"
#include "dspy/modules/majority.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/traversal.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

/// Runs a program up to `n` times, by default at temperature 1, with different seeds, and returns the most frequent
/// answer (Wang et al. 2023).  It stops once no other answer can get as many votes: the first round makes as many runs
/// as a majority needs, later ones as many as are still open, each round concurrently.  Votes are counted in the order
/// of the runs, so the answer does not depend on which finishes first.
///
///     dspy::SelfConsistency sure(dspy::ChainOfThought("question -> answer"), 9);
template <Runnable P>
  requires std::same_as<OutputOf<P>, Prediction>
class SelfConsistency : public Module<SelfConsistency<P>, InputOf<P>, Prediction> {
 public:
  /// `field` is the output that is voted on; the last one, if empty.  Throws `Error` (`invalid_parameter`) for fewer
  /// than one run.
  SelfConsistency(P program, std::size_t n, std::string field = {}, VoteOf vote = answer_vote)
      : program_(std::move(program)), n_(n), field_(std::move(field)), vote_(std::move(vote)) {
    if (n == 0) throw Error(Errc::invalid_parameter, "SelfConsistency runs its program at least once");
  }

  /// Runs that fail have no vote; throws the last error if all have failed.
  Async<Prediction> run(InputOf<P> input, Run how) const {
    std::vector<std::optional<Prediction>> runs;
    std::optional<Error> failure;
    while (const auto more = wanted(runs)) {
      const auto first = runs.size();
      runs.resize(first + more);
      // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): awaited here, where all of it lives
      co_await run_concurrently(more, more, [&](std::size_t i) -> Async<void> {
        Run draw{.options = how.options};
        auto& sampling = draw.options.sampling;
        sampling.temperature = sampling.temperature.value_or(1);
        sampling.seed = sampling.seed.value_or(0) + first + i;
        try {
          runs[first + i] = co_await program_.run(input, std::move(draw));
        } catch (const Error& error) {
          if (detail::ends_all(error.code())) throw;
          failure = error;
        }
      });
    }
    std::vector<Prediction> answers;
    for (auto& one : runs) {
      if (one) answers.push_back(*std::move(one));
    }
    if (answers.empty()) throw *failure;
    co_return majority(answers, field_, vote_);
  }

  template <class F>
  void for_each_predictor(F&& visit) {
    dspy::for_each_predictor(program_, visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    dspy::for_each_predictor(program_, visit);
  }

 private:
  /// How many runs to make next; none once the leading answer cannot be overtaken.
  std::size_t wanted(const std::vector<std::optional<Prediction>>& runs) const {
    std::map<std::string, std::size_t> counts;
    for (const auto& one : runs) {
      if (!one || one->data.empty()) continue;
      const auto* const value = field_.empty() ? &(one->data.end() - 1)->value() : one->get(field_);
      if (const auto text = value != nullptr ? vote_(*value) : std::nullopt) ++counts[*text];
    }
    std::size_t most = 0, next = 0;
    for (const auto& [text, count] : counts) {
      next = std::max(next, std::min(most, count));
      most = std::max(most, count);
    }
    const auto left = n_ - runs.size();
    if (left == 0 || next + left < most) return 0;
    return std::min(left, (left - (most - next)) / 2 + 1);  // decided, should they all agree with the leader
  }

  P program_;
  std::size_t n_;
  std::string field_;
  VoteOf vote_;
};

}  // namespace dspy
