#pragma once

#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/bootstrap_finetune.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/knn_few_shot.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/reanchor.hpp"
#include "dspy/optimize/simba.hpp"

#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

// The optimizers' options by name, for those who get them as text or from another language.  Names are DSPy's, where
// DSPy has the option.

namespace dspy::optimize {

template <class E>
using Named = std::pair<std::string_view, E>;

/// The values of an option that is one of a few, and what they are called.
template <class E>
std::span<const Named<E>> values_of() noexcept {
  if constexpr (std::same_as<E, Effort>) {
    static constexpr std::array<Named<E>, 3> all = {{{"light", E::light}, {"medium", E::medium}, {"heavy", E::heavy}}};
    return all;
  } else if constexpr (std::same_as<E, GepaOptions::Selection>) {
    static constexpr std::array<Named<E>, 2> all = {{{"pareto", E::pareto}, {"current_best", E::current_best}}};
    return all;
  } else if constexpr (std::same_as<E, GepaOptions::Frontier>) {
    static constexpr std::array<Named<E>, 4> all = {
        {{"instance", E::instance}, {"objective", E::objective}, {"hybrid", E::hybrid}, {"cartesian", E::cartesian}}};
    return all;
  } else {
    static_assert(std::same_as<E, GepaOptions::Components>);
    static constexpr std::array<Named<E>, 2> all = {{{"round_robin", E::round_robin}, {"all", E::all}}};
    return all;
  }
}

/// An option that is one of a few.
template <class E>
concept Enumerated = std::same_as<E, Effort> || std::same_as<E, GepaOptions::Selection> ||
                     std::same_as<E, GepaOptions::Frontier> || std::same_as<E, GepaOptions::Components>;

// `for_each_option(options, f)` calls `f(name, member)` for each option.

template <class F>
void for_each_option(LabeledFewShotOptions& o, F&& f) {
  f("k", o.k);
  f("sample", o.sample);
  f("metric", o.metric);
}

namespace detail {

/// What all who bootstrap demonstrations have.
template <class Options, class F>
void bootstrap_options(Options& o, F&& f) {
  f("metric", o.metric);
  f("metric_threshold", o.metric_threshold);
  f("teacher_lm", o.teacher_lm);
  f("max_bootstrapped_demos", o.max_bootstrapped_demos);
  f("max_labeled_demos", o.max_labeled_demos);
  f("max_rounds", o.max_rounds);
}

}  // namespace detail

template <class F>
void for_each_option(BootstrapFewShotOptions& o, F&& f) {
  detail::bootstrap_options(o, f);
  f("max_errors", o.max_errors);
}

template <class F>
void for_each_option(RandomSearchOptions& o, F&& f) {
  detail::bootstrap_options(o, f);
  f("max_errors", o.max_errors);
  f("num_candidate_programs", o.num_candidate_programs);
  f("stop_at_score", o.stop_at_score);
  f("labeled_sample", o.labeled_sample);
  f("restrict", o.restrict_to);
  f("screen_to", o.screen_to);
  f("race", o.race);
}

template <class F>
void for_each_option(BootstrapOptunaOptions& o, F&& f) {
  detail::bootstrap_options(o, f);
  f("num_candidate_programs", o.num_candidate_programs);
  f("max_demos", o.max_demos);
  f("seed", o.seed);
}

template <class F>
void for_each_option(MiproOptions& o, F&& f) {
  f("metric", o.metric);
  f("auto", o.effort);
  f("num_candidates", o.num_candidates);
  f("num_trials", o.num_trials);
  f("prompt_model", o.prompt_model);
  f("teacher_lm", o.teacher_lm);
  f("max_bootstrapped_demos", o.max_bootstrapped_demos);
  f("max_labeled_demos", o.max_labeled_demos);
  f("max_errors", o.max_errors);
  f("metric_threshold", o.metric_threshold);
  f("seed", o.seed);
  f("init_temperature", o.init_temperature);
  f("minibatch", o.minibatch);
  f("minibatch_size", o.minibatch_size);
  f("minibatch_full_eval_steps", o.minibatch_full_eval_steps);
  f("program_aware_proposer", o.program_aware_proposer);
  f("data_aware_proposer", o.data_aware_proposer);
  f("tip_aware_proposer", o.tip_aware_proposer);
  f("fewshot_aware_proposer", o.fewshot_aware_proposer);
  f("view_data_batch_size", o.view_data_batch_size);
  f("samplings", o.samplings);
}

template <class F>
void for_each_option(GepaOptions& o, F&& f) {
  f("metric", o.metric);
  f("auto", o.effort);
  f("max_full_evals", o.max_full_evals);
  f("max_metric_calls", o.max_metric_calls);
  f("reflection_minibatch_size", o.reflection_minibatch_size);
  f("num_parallel_proposals", o.num_parallel_proposals);
  f("candidate_selection_strategy", o.candidate_selection);
  f("frontier_type", o.frontier);
  f("reflection_lm", o.reflection_lm);
  f("skills", o.proposer.skills);
  f("additional_instructions", o.proposer.additional_instructions);
  f("max_chars", o.proposer.max_chars);
  f("instruction_proposer", o.instruction_proposer);
  f("skip_perfect_score", o.skip_perfect_score);
  f("perfect_score", o.perfect_score);
  f("add_format_failure_as_feedback", o.add_format_failure_as_feedback);
  f("component_selector", o.component_selector);
  f("use_merge", o.use_merge);
  f("max_merge_invocations", o.max_merge_invocations);
  f("seed", o.seed);
}

template <class F>
void for_each_option(CoproOptions& o, F&& f) {
  f("metric", o.metric);
  f("prompt_model", o.prompt_model);
  f("breadth", o.breadth);
  f("depth", o.depth);
  f("init_temperature", o.init_temperature);
  f("screen_to", o.screen_to);
  f("race", o.race);
}

template <class F>
void for_each_option(SimbaOptions& o, F&& f) {
  f("metric", o.metric);
  f("bsize", o.bsize);
  f("num_candidates", o.num_candidates);
  f("max_steps", o.max_steps);
  f("max_demos", o.max_demos);
  f("prompt_model", o.prompt_model);
  f("demo_input_field_maxlen", o.demo_input_field_maxlen);
  f("temperature_for_sampling", o.temperature_for_sampling);
  f("temperature_for_candidates", o.temperature_for_candidates);
  f("seed", o.seed);
}

template <class F>
void for_each_option(InferRulesOptions& o, F&& f) {
  f("metric", o.metric);
  f("num_candidates", o.num_candidates);
  f("num_rules", o.num_rules);
  f("prompt_model", o.prompt_model);
  f("teacher_lm", o.teacher_lm);
  f("max_bootstrapped_demos", o.max_bootstrapped_demos);
  f("max_labeled_demos", o.max_labeled_demos);
  f("max_rounds", o.max_rounds);
  f("screen_to", o.screen_to);
  f("race", o.race);
}

template <class F>
void for_each_option(ReAnchorOptions& o, F&& f) {
  f("metric", o.metric);
}

template <class F>
void for_each_option(KnnFewShotOptions& o, F&& f) {
  f("k", o.k);
  f("vectorizer", o.embedder);
  for_each_option(o.bootstrap, f);
}

template <class F>
void for_each_option(BootstrapFinetuneOptions& o, F&& f) {
  f("metric", o.metric);
  f("metric_threshold", o.metric_threshold);
  f("multitask", o.multitask);
  f("exclude_demos", o.exclude_demos);
  f("folder", o.folder);
  f("trainer", o.trainer.argv);
  f("output_extension", o.trainer.output_extension);
  f("time_limit", o.trainer.time_limit);
  f("open", o.open);
}

template <class F>
void for_each_option(BetterTogetherOptions& o, F&& f) {
  f("metric", o.metric);
  f("optimizers", o.optimizers);
  f("strategy", o.strategy);
  f("valset_ratio", o.valset_ratio);
  f("shuffle_trainset_between_steps", o.shuffle_trainset_between_steps);
  f("seed", o.seed);
}

}  // namespace dspy::optimize
