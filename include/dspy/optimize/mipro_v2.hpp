#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/sampling.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace dspy {

/// How much MIPROv2 tries: 6, 12 or 18 candidates on at most 100, 300 or 1,000 validation examples.
enum class Effort { light, medium, heavy };
std::string_view to_string(Effort effort) noexcept;

struct MiproOptions {
  Metric metric;
  std::optional<Effort> effort = Effort::light;    ///< DSPy's `auto`.  Unset: the two below are needed.
  std::optional<std::size_t> num_candidates = {};  ///< Of instructions, and of sets of demonstrations.
  std::optional<std::size_t> num_trials = {};
  std::shared_ptr<LM> prompt_model = {};   ///< Writes the instructions; else the program's own.
  std::shared_ptr<LM> teacher_lm = {};     ///< Answers the training examples; else the teacher's own.
  std::size_t max_bootstrapped_demos = 4;  ///< With the next one 0: only instructions are searched.
  std::size_t max_labeled_demos = 4;
  std::optional<std::size_t> max_errors = {};
  std::optional<double> metric_threshold = {};
  std::uint64_t seed = 9;
  double init_temperature = 1.0;  ///< Of the model that writes.
  bool minibatch = true;          ///< With an effort: only beyond 50 validation examples.
  std::size_t minibatch_size = 35;
  std::size_t minibatch_full_eval_steps = 5;  ///< So many trials lie between measurements in full.
  bool program_aware_proposer = true;         ///< The model that writes is told how the program works,
  bool data_aware_proposer = true;            ///< what the data is like,
  bool tip_aware_proposer = true;             ///< how to be different,
  bool fewshot_aware_proposer = true;         ///< and shown demonstrations.
  std::size_t view_data_batch_size = 10;      ///< Training examples that it looks at at a time.
  /// Ways to decode that are searched too, for each predictor: temperatures, samplers, by field as well
  /// (`Sampling::field_temperatures`).  Each goes over the predictor's own.  DSPy searches none.
  std::vector<Sampling> samplings = {};
};

/// Searches instructions and demonstrations of all predictors together (Opsahl-Ong et al. 2024): demonstrations are
/// bootstrapped, a model that has looked at data, program and demonstrations writes instructions, and a tree-structured
/// Parzen estimator chooses combinations, which are measured on minibatches and the best of them in full.
class MiproV2 {
 public:
  /// Throws `Error` (`invalid_parameter`) for an effort together with numbers, or neither.
  explicit MiproV2(MiproOptions options);
  /// Without a validation set, the last 80 % of the training set are one.
  Optimized compile(const Program& student, const Training& training) const;

 private:
  MiproOptions options_;
};

}  // namespace dspy
