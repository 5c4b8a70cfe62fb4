#pragma once

#include "dspy/evaluate/evaluate.hpp"
#include "dspy/registry/registry.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// What a program must show before an alias may name it.
struct PromotionGates {
  /// The lower end of the interval of the mean difference, example by example, must be above this.
  double min_gain = 0;
  double confidence = 0.95;
  std::optional<double> max_token_ratio = {};    ///< Tokens an example, as a multiple of the champion's.
  std::optional<double> max_failure_share = {};  ///< Of the challenger's examples.
  bool requires_compatible = true;               ///< No input or output may break callers.
  /// Input or label that divides examples into slices; none may lose more than `max_slice_loss` on average.
  std::string slice_by = {};
  double max_slice_loss = 0.05;
};

/// One gate, and what was measured at it.
struct GateResult {
  std::string gate = {};
  bool is_passed = false;
  std::string text = {};  ///< "the gain is 0.042 to 0.118, above 0"
};

/// Measures a challenger against a champion on the same examples.  Throws `Error` (`bad_input`) if both were not
/// evaluated on the same, whole dataset.
std::vector<GateResult> check_gates(const EvaluationResult& champion, const EvaluationResult& challenger,
                                    const PromotionGates& gates);

/// Moves the alias to the version if all gates are passed, from the one that it names now.  Returns what was measured;
/// the reason is kept in the history.
std::vector<GateResult> promote(Registry& registry, const std::string& name, std::int64_t version,
                                const std::string& alias, const EvaluationResult& champion,
                                const EvaluationResult& challenger, const PromotionGates& gates = {});

}  // namespace dspy
