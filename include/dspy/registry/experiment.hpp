#pragma once

#include "dspy/evaluate/sequential.hpp"
#include "dspy/evaluate/statistics.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// What was seen of one arm of an A/B experiment: a value for each unit, 0 or 1 for what happened or not.
struct ArmOutcomes {
  std::string arm = {};
  double weight = 1;  ///< Of the assignment.
  std::vector<double> values = {};
};

/// An arm against the first one, the control.
struct ArmComparison {
  std::string arm = {};
  double mean = 0;
  double difference = 0;   ///< From the control's mean.
  Interval interval = {};  ///< Of the difference, 95 %.
  std::string test = {};   ///< `two proportions` for zeros and ones, else `Welch`.
  double p_value = 1;
  double adjusted_p_value = 1;  ///< Over all arms, by Holm.
  double mann_whitney_p_value = 1;
  /// That of a test which may be looked at at any time; absent where nothing varies.
  std::optional<double> always_valid_p_value = {};
};

struct ExperimentReport {
  double control_mean = 0;
  statistics::RatioCheck ratio = {};
  /// False where the counts of the arms are not what their weights make likely (p below 0.001): then the comparisons
  /// should not be believed.
  bool is_ratio_fine = true;
  std::vector<ArmComparison> comparisons = {};
};

/// Compares arms.  `smallest_effect` is the difference that would matter.  Throws `Error` (`invalid_parameter`) for
/// fewer than two arms, or an arm of fewer than two values.
ExperimentReport analyze(const std::vector<ArmOutcomes>& arms, double smallest_effect = 0.1);

}  // namespace dspy
