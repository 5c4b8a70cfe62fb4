#pragma once

#include "dspy/evaluate/statistics.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

namespace dspy {

/// Where the mean of all scores lies, in percent: Wilson's interval for scores of 0 and 1, else a bootstrap.
inline std::optional<Interval> score_interval(std::span<const double> scores, double confidence) {
  if (scores.size() < 2) return std::nullopt;
  const bool is_binary = std::ranges::all_of(scores, [](double score) { return score == 0 || score == 1; });
  const auto right = static_cast<std::size_t>(std::ranges::count(scores, 1.0));
  const auto of_mean =
      is_binary ? statistics::wilson(right, scores.size(), confidence) : statistics::bootstrap_mean(scores, confidence);
  return Interval{.low = 100 * of_mean.low, .high = 100 * of_mean.high};
}

}  // namespace dspy
