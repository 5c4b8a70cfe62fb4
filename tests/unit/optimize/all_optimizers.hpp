#pragma once

#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/simba.hpp"
#include "worlds.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::test::magic {

struct Named {
  std::string_view name;
  AnyOptimizer optimizer;
  double reaches;  ///< On the validation set.
};

inline std::vector<Named> all() {
  const auto metric = test::exact_match();
  const auto with_feedback = Metric("with feedback", [](const Example& gold, const Prediction& made) {
    const bool is_right = *gold.get("answer") == made.at("answer");
    return Score{.value = is_right ? 1.0 : 0.0, .feedback = is_right ? "Right." : "Use the magic word."};
  });
  return {
      {"labeled", any_optimizer(LabeledFewShot({.k = 6, .metric = metric})), 0.9},
      {"bootstrap", any_optimizer(BootstrapFewShot({.metric = metric, .max_labeled_demos = 6})), 0.9},
      {"random search",
       any_optimizer(
           BootstrapFewShotWithRandomSearch({.metric = metric, .max_labeled_demos = 4, .num_candidate_programs = 4})),
       0.99},
      {"optuna",
       any_optimizer(BootstrapFewShotWithOptuna({.metric = metric,
                                                 .max_bootstrapped_demos = 6,
                                                 .max_labeled_demos = 6,
                                                 .num_candidate_programs = 16,
                                                 .max_demos = 3})),
       0.99},
      {"copro", any_optimizer(Copro({.metric = metric, .breadth = 5, .depth = 2})), 0.99},
      {"mipro", any_optimizer(MiproV2({.metric = metric, .effort = Effort::light})), 0.99},
      {"mipro, minibatches",
       any_optimizer(MiproV2({.metric = metric,
                              .effort = {},
                              .num_candidates = 5,
                              .num_trials = 15,
                              .minibatch_size = 5,
                              .minibatch_full_eval_steps = 3})),
       0.99},
      {"simba", any_optimizer(Simba({.metric = metric, .bsize = 6, .num_candidates = 3, .max_steps = 4})), 0.99},
      {"gepa", any_optimizer(Gepa({.metric = with_feedback, .max_metric_calls = 160})), 0.99},
      {"gepa, four at a time",
       any_optimizer(Gepa({.metric = with_feedback, .max_metric_calls = 200, .num_parallel_proposals = 4})), 0.99},
      {"infer rules", any_optimizer(InferRules({.metric = metric, .num_candidates = 4, .max_labeled_demos = 0})), 0.99},
      {"together",
       any_optimizer(
           BetterTogether({.metric = metric,
                           .optimizers = {{"p", any_optimizer(BootstrapFewShot({.metric = metric}))},
                                          {"i", any_optimizer(Copro({.metric = metric, .breadth = 5, .depth = 1}))}},
                           .strategy = "p -> i"})),
       0.99},
  };
}

/// All that says what was found.
inline std::string outcome(const Optimized& optimized) {
  JsonArray out;
  for (const auto& each : optimized.report.candidates)
    out.emplace_back(JsonArray{each.origin, each.prompts, each.score ? Json(*each.score) : Json()});
  out.emplace_back(optimize::prompts_of(optimized.program));
  return to_text(out);
}

}  // namespace dspy::test::magic
