#include "measuring/optimizer_choice.hpp"

#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/simba.hpp"
#include "dspy/signature/signature.hpp"

#include <cstdint>
#include <format>
#include <memory>
#include <string>

namespace dspy::app {
namespace {

std::shared_ptr<LM> lm_of(const std::string& model) {
  return model.empty() ? nullptr : make_lm(model);
}

Effort effort_of(const std::string& name) {
  if (name == "medium") return Effort::medium;
  return name == "heavy" ? Effort::heavy : Effort::light;
}

}  // namespace

Metric metric_of(const OptimizerChoice& choice, const Signature& signature) {
  const auto field = choice.field.empty() ? signature.outputs.back().name : choice.field;
  if (signature.find(field) == nullptr)
    throw Error(Errc::bad_input, std::format("the program has no field `{}` to measure; see --field", field));
  if (choice.metric == "exact_match") return metrics::exact_match(field);
  if (choice.metric == "f1") return metrics::f1(field);
  if (choice.metric == "equal") return metrics::equal(field);
  throw Error(Errc::bad_input, std::format("unknown metric `{}`; use exact_match, f1 or equal", choice.metric));
}

AnyOptimizer optimizer_of(const OptimizerChoice& choice, const Metric& metric) {
  const auto teacher = lm_of(choice.teacher_model);
  const auto prompt = lm_of(choice.prompt_model);
  const auto& name = choice.optimizer;
  if (name == "labeled") return any_optimizer(LabeledFewShot({.k = choice.max_labeled_demos, .metric = metric}));
  if (name == "bootstrap") {
    return any_optimizer(BootstrapFewShot({.metric = metric,
                                           .teacher_lm = teacher,
                                           .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                           .max_labeled_demos = choice.max_labeled_demos}));
  }
  if (name == "random-search") {
    return any_optimizer(BootstrapFewShotWithRandomSearch({.metric = metric,
                                                           .teacher_lm = teacher,
                                                           .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                                           .max_labeled_demos = choice.max_labeled_demos,
                                                           .num_candidate_programs = choice.candidates,
                                                           .screen_to = choice.screen_to,
                                                           .race = choice.race}));
  }
  if (name == "optuna") {
    return any_optimizer(BootstrapFewShotWithOptuna({.metric = metric,
                                                     .teacher_lm = teacher,
                                                     .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                                     .max_labeled_demos = choice.max_labeled_demos,
                                                     .num_candidate_programs = choice.candidates,
                                                     .max_demos = choice.max_bootstrapped_demos,
                                                     .seed = static_cast<std::uint32_t>(choice.seed)}));
  }
  if (name == "copro")
    return any_optimizer(Copro({.metric = metric, .prompt_model = prompt, .breadth = choice.candidates}));
  if (name == "mipro") {
    return any_optimizer(MiproV2({.metric = metric,
                                  .effort = effort_of(choice.effort),
                                  .prompt_model = prompt,
                                  .teacher_lm = teacher,
                                  .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                  .max_labeled_demos = choice.max_labeled_demos,
                                  .seed = choice.seed}));
  }
  if (name == "simba")
    return any_optimizer(Simba({.metric = metric, .bsize = 16, .prompt_model = prompt, .seed = choice.seed}));
  if (name == "gepa") {
    return any_optimizer(
        Gepa({.metric = metric, .effort = effort_of(choice.effort), .reflection_lm = prompt, .seed = choice.seed}));
  }
  if (name == "infer-rules") {
    return any_optimizer(InferRules({.metric = metric,
                                     .num_candidates = choice.candidates,
                                     .prompt_model = prompt,
                                     .teacher_lm = teacher,
                                     .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                     .max_labeled_demos = choice.max_labeled_demos}));
  }
  throw Error(Errc::bad_input,
              std::format("unknown optimizer `{}`; use labeled, bootstrap, random-search, optuna, copro, mipro, "
                          "simba, gepa or infer-rules",
                          name));
}

}  // namespace dspy::app
