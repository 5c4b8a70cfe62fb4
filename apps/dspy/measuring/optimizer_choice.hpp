#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/better_together.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace dspy::app {

/// How many candidates a search may have, on the command line and over HTTP.
inline constexpr std::size_t least_candidates = 2;
inline constexpr std::size_t most_candidates = 1000;

/// Which optimizer, and by which metric, in words.
struct OptimizerChoice {
  std::string optimizer = "random-search";
  std::string metric = "exact_match";
  std::string field;   ///< Empty: the last output.
  std::string rubric;  ///< Of the metric `judge`.
  std::string teacher_model;
  std::string prompt_model;
  std::string effort = "light";
  std::size_t max_bootstrapped_demos = 4;
  std::size_t max_labeled_demos = 8;
  std::size_t candidates = 8;
  std::uint64_t seed = 0;
  std::optional<std::size_t> screen_to;  ///< Of random search, and the next one too.
  std::optional<double> race;
  /// Others by DSPy's name; those of a stage of several with the stage's name before it, as in `gepa.seed`.
  std::map<std::string, std::string> options;
};

/// What `--optimizer` may be, in words.
std::string optimizer_names();

/// Throw `Error` (`bad_input`) for words that there are not.  An optimizer may be several: `bootstrap -> gepa`.
/// `judge` is the model of metrics that ask one; null: those are refused.
Metric metric_of(const OptimizerChoice& choice, const Signature& signature, std::shared_ptr<LM> judge = nullptr);
AnyOptimizer optimizer_of(const OptimizerChoice& choice, const Metric& metric);

}  // namespace dspy::app
