#include "optimizers.hpp"

#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/knn_few_shot.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/optimizer.hpp"
#include "dspy/optimize/reanchor.hpp"
#include "dspy/optimize/simba.hpp"

#include <nanobind/stl/string.h>

#include <format>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::python {
namespace {

template <class Optimizer, class OptimizerOptions>
Compile compiler(OptimizerOptions options) {
  return [optimizer = Optimizer(std::move(options))](const Program& student, const Training& training) {
    return optimizer.compile(student, training);
  };
}

Compile labeled_few_shot(Options given) {
  LabeledFewShotOptions o;
  given.take("k", o.k).take("sample", o.sample).take("metric", o.metric).finish();
  return compiler<LabeledFewShot>(std::move(o));
}

Compile bootstrap_few_shot(Options given) {
  BootstrapFewShotOptions o;
  given.take("metric", o.metric).take("metric_threshold", o.metric_threshold).take("teacher_lm", o.teacher_lm);
  given.take("max_bootstrapped_demos", o.max_bootstrapped_demos).take("max_labeled_demos", o.max_labeled_demos);
  given.take("max_rounds", o.max_rounds).take("max_errors", o.max_errors).finish();
  return compiler<BootstrapFewShot>(std::move(o));
}

Compile random_search(Options given) {
  RandomSearchOptions o;
  given.take("metric", o.metric).take("metric_threshold", o.metric_threshold).take("teacher_lm", o.teacher_lm);
  given.take("max_bootstrapped_demos", o.max_bootstrapped_demos).take("max_labeled_demos", o.max_labeled_demos);
  given.take("max_rounds", o.max_rounds).take("max_errors", o.max_errors).take("stop_at_score", o.stop_at_score);
  given.take("num_candidate_programs", o.num_candidate_programs).take("labeled_sample", o.labeled_sample).finish();
  return compiler<BootstrapFewShotWithRandomSearch>(std::move(o));
}

Compile optuna(Options given) {
  BootstrapOptunaOptions o;
  given.take("metric", o.metric).take("metric_threshold", o.metric_threshold).take("teacher_lm", o.teacher_lm);
  given.take("max_bootstrapped_demos", o.max_bootstrapped_demos).take("max_labeled_demos", o.max_labeled_demos);
  given.take("max_rounds", o.max_rounds).take("num_candidate_programs", o.num_candidate_programs);
  given.take("max_demos", o.max_demos).take("seed", o.seed).finish();
  return compiler<BootstrapFewShotWithOptuna>(std::move(o));
}

Compile mipro(Options given) {
  MiproOptions o;
  given.take("metric", o.metric).take("auto", o.effort).take("num_candidates", o.num_candidates);
  given.take("num_trials", o.num_trials).take("prompt_model", o.prompt_model).take("teacher_lm", o.teacher_lm);
  given.take("max_bootstrapped_demos", o.max_bootstrapped_demos).take("max_labeled_demos", o.max_labeled_demos);
  given.take("max_errors", o.max_errors).take("metric_threshold", o.metric_threshold).take("seed", o.seed);
  given.take("init_temperature", o.init_temperature).take("minibatch", o.minibatch);
  given.take("minibatch_size", o.minibatch_size).take("minibatch_full_eval_steps", o.minibatch_full_eval_steps);
  given.take("program_aware_proposer", o.program_aware_proposer).take("data_aware_proposer", o.data_aware_proposer);
  given.take("tip_aware_proposer", o.tip_aware_proposer).take("fewshot_aware_proposer", o.fewshot_aware_proposer);
  given.take("view_data_batch_size", o.view_data_batch_size).finish();
  return compiler<MiproV2>(std::move(o));
}

Compile gepa(Options given) {
  GepaOptions o;
  std::string selection = "pareto";
  given.take("metric", o.metric).take("auto", o.effort).take("max_full_evals", o.max_full_evals);
  given.take("max_metric_calls", o.max_metric_calls).take("reflection_minibatch_size", o.reflection_minibatch_size);
  given.take("candidate_selection_strategy", selection).take("reflection_lm", o.reflection_lm);
  given.take("skip_perfect_score", o.skip_perfect_score).take("perfect_score", o.perfect_score);
  given.take("add_format_failure_as_feedback", o.add_format_failure_as_feedback).take("use_merge", o.use_merge);
  given.take("max_merge_invocations", o.max_merge_invocations).take("seed", o.seed).finish();
  if (selection != "pareto" && selection != "current_best") {
    throw Error(
        Errc::invalid_parameter,
        std::format("`{}` is not a candidate_selection_strategy; there are pareto and current_best", selection));
  }
  if (selection == "current_best") o.candidate_selection = GepaOptions::Selection::current_best;
  return compiler<Gepa>(std::move(o));
}

Compile copro(Options given) {
  CoproOptions o;
  given.take("metric", o.metric).take("prompt_model", o.prompt_model).take("breadth", o.breadth).take("depth", o.depth);
  given.take("init_temperature", o.init_temperature).finish();
  return compiler<Copro>(std::move(o));
}

Compile simba(Options given) {
  SimbaOptions o;
  given.take("metric", o.metric).take("bsize", o.bsize).take("num_candidates", o.num_candidates);
  given.take("max_steps", o.max_steps).take("max_demos", o.max_demos).take("prompt_model", o.prompt_model);
  given.take("demo_input_field_maxlen", o.demo_input_field_maxlen).take("seed", o.seed);
  given.take("temperature_for_sampling", o.temperature_for_sampling);
  given.take("temperature_for_candidates", o.temperature_for_candidates).finish();
  return compiler<Simba>(std::move(o));
}

Compile infer_rules(Options given) {
  InferRulesOptions o;
  given.take("metric", o.metric).take("num_candidates", o.num_candidates).take("num_rules", o.num_rules);
  given.take("prompt_model", o.prompt_model).take("teacher_lm", o.teacher_lm).take("max_rounds", o.max_rounds);
  given.take("max_bootstrapped_demos", o.max_bootstrapped_demos)
      .take("max_labeled_demos", o.max_labeled_demos)
      .finish();
  return compiler<InferRules>(std::move(o));
}

Compile reanchor(Options given) {
  ReAnchorOptions o;
  given.take("metric", o.metric).finish();
  return compiler<ReAnchor>(std::move(o));
}

Compile knn_few_shot(Options given) {
  KnnFewShotOptions o;
  auto& b = o.bootstrap;
  given.take("k", o.k).take("vectorizer", o.embedder).take("metric", b.metric);
  given.take("metric_threshold", b.metric_threshold).take("teacher_lm", b.teacher_lm);
  given.take("max_bootstrapped_demos", b.max_bootstrapped_demos).take("max_labeled_demos", b.max_labeled_demos);
  given.take("max_rounds", b.max_rounds).take("max_errors", b.max_errors).finish();
  return compiler<KnnFewShot>(std::move(o));
}

/// `optimizers` is a dict of `(name, options)` by what the strategy calls them.
Compile better_together(Options given) {
  BetterTogetherOptions o;
  nb::dict optimizers;
  given.take("metric", o.metric).take("optimizers", optimizers).take("strategy", o.strategy);
  given.take("valset_ratio", o.valset_ratio).take("seed", o.seed);
  given.take("shuffle_trainset_between_steps", o.shuffle_trainset_between_steps).finish();
  for (const auto& [key, stage] : optimizers) {
    o.optimizers.emplace(nb::cast<std::string>(key),
                         optimizer(nb::cast<std::string>(stage[0]), nb::cast<nb::dict>(stage[1])));
  }
  return compiler<BetterTogether>(std::move(o));
}

}  // namespace

Compile optimizer(const std::string& name, nb::dict options) {
  static const std::map<std::string, Compile (*)(Options), std::less<>> all = {
      {"LabeledFewShot", &labeled_few_shot},
      {"BootstrapFewShot", &bootstrap_few_shot},
      {"BootstrapFewShotWithRandomSearch", &random_search},
      {"BootstrapFewShotWithOptuna", &optuna},
      {"MIPROv2", &mipro},
      {"GEPA", &gepa},
      {"COPRO", &copro},
      {"SIMBA", &simba},
      {"InferRules", &infer_rules},
      {"ReAnchor", &reanchor},
      {"KNNFewShot", &knn_few_shot},
      {"BetterTogether", &better_together},
  };
  return all.at(name)(Options(name, std::move(options)));
}

}  // namespace dspy::python
