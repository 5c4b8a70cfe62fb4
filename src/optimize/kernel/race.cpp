#include "dspy/optimize/kernel/race.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <format>

namespace dspy::optimize {
namespace {

/// As much of the capital is at stake at most.
constexpr double most_at_stake = 0.75;
/// Sums of fractions of scores are not exact.
constexpr double rounding = 1e-9;

void require_score(double score) {
  if (score >= 0 && score <= 1) return;
  throw Error(Errc::invalid_parameter, std::format("a race needs scores between 0 and 1, and got {}", score));
}

}  // namespace

Race::Race(std::size_t examples, double alpha) : count_(static_cast<double>(examples)), alpha_(alpha) {
  if (examples == 0) throw Error(Errc::invalid_parameter, "a race needs examples");
  if (!(alpha > 0 && alpha < 1))
    throw Error(Errc::invalid_parameter, std::format("`alpha` is a probability between 0 and 1, not {}", alpha));
}

void Race::add(double candidate, double incumbent) {
  require_score(candidate);
  require_score(incumbent);
  if (seen_ >= count_)
    throw Error(Errc::invalid_parameter, std::format("the race was over after its {} examples", count_));
  const double x = (candidate - incumbent + 1) / 2;
  // What the mean of the examples left, this one too, is at least, if the candidate is as good on all of them.
  const double wanted = (count_ / 2 - sum_) / (count_ - seen_);
  if (wanted > 0 && wanted < 1) {
    // The growth-optimal bet to second order, from what was seen before, and a first guess of one draw.
    const double mean = (0.5 + sum_) / (1 + seen_);
    const double variance = (0.25 + squares_ - 2 * mean * sum_ + seen_ * mean * mean) / (1 + seen_);
    const double edge = wanted - mean;
    const double stake = std::clamp(edge / (variance + edge * edge), 0.0, most_at_stake / (1 - wanted));
    capital_ *= 1 - stake * (x - wanted);
  }
  seen_ += 1;
  sum_ += x;
  squares_ += x * x;
  const bool cannot_win = sum_ + (count_ - seen_) < count_ / 2 - rounding;
  is_lost_ = is_lost_ || cannot_win || capital_ * alpha_ >= 1;
}

}  // namespace dspy::optimize
