#include "measuring/optimizer_choice.hpp"

#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/option_names.hpp"
#include "dspy/signature/signature.hpp"
#include "measuring/metric_choice.hpp"
#include "measuring/option_reader.hpp"

#include <cstdint>
#include <format>
#include <map>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

std::shared_ptr<LM> lm_of(const std::string& model) {
  return model.empty() ? nullptr : make_lm(model);
}

Effort effort_of(const std::string& name) {
  if (name == "medium") return Effort::medium;
  return name == "heavy" ? Effort::heavy : Effort::light;
}

/// The optimizer with those options that were given by name over the ones that flags set.
template <class Optimizer, class Options>
AnyOptimizer made(Options options, const OptimizerChoice& choice) {
  OptionReader given(choice.optimizer, choice.options);
  optimize::for_each_option(options, given);
  given.finish();
  return any_optimizer(Optimizer(std::move(options)));
}

AnyOptimizer labeled(const OptimizerChoice& choice, const Metric& metric) {
  return made<LabeledFewShot>(LabeledFewShotOptions{.k = choice.max_labeled_demos, .metric = metric}, choice);
}

AnyOptimizer bootstrap(const OptimizerChoice& choice, const Metric& metric) {
  return made<BootstrapFewShot>(BootstrapFewShotOptions{.metric = metric,
                                                        .teacher_lm = lm_of(choice.teacher_model),
                                                        .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                                        .max_labeled_demos = choice.max_labeled_demos},
                                choice);
}

AnyOptimizer random_search(const OptimizerChoice& choice, const Metric& metric) {
  return made<BootstrapFewShotWithRandomSearch>(
      RandomSearchOptions{.metric = metric,
                          .teacher_lm = lm_of(choice.teacher_model),
                          .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                          .max_labeled_demos = choice.max_labeled_demos,
                          .num_candidate_programs = choice.candidates,
                          .screen_to = choice.screen_to,
                          .race = choice.race},
      choice);
}

AnyOptimizer optuna(const OptimizerChoice& choice, const Metric& metric) {
  return made<BootstrapFewShotWithOptuna>(
      BootstrapOptunaOptions{.metric = metric,
                             .teacher_lm = lm_of(choice.teacher_model),
                             .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                             .max_labeled_demos = choice.max_labeled_demos,
                             .num_candidate_programs = choice.candidates,
                             .max_demos = choice.max_bootstrapped_demos,
                             .seed = static_cast<std::uint32_t>(choice.seed)},
      choice);
}

AnyOptimizer copro(const OptimizerChoice& choice, const Metric& metric) {
  return made<Copro>(CoproOptions{.metric = metric,
                                  .prompt_model = lm_of(choice.prompt_model),
                                  .breadth = choice.candidates,
                                  .screen_to = choice.screen_to,
                                  .race = choice.race},
                     choice);
}

AnyOptimizer mipro(const OptimizerChoice& choice, const Metric& metric) {
  return made<MiproV2>(MiproOptions{.metric = metric,
                                    .effort = effort_of(choice.effort),
                                    .prompt_model = lm_of(choice.prompt_model),
                                    .teacher_lm = lm_of(choice.teacher_model),
                                    .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                    .max_labeled_demos = choice.max_labeled_demos,
                                    .seed = choice.seed},
                       choice);
}

AnyOptimizer simba(const OptimizerChoice& choice, const Metric& metric) {
  return made<Simba>(
      SimbaOptions{.metric = metric, .bsize = 16, .prompt_model = lm_of(choice.prompt_model), .seed = choice.seed},
      choice);
}

AnyOptimizer gepa(const OptimizerChoice& choice, const Metric& metric) {
  GepaOptions options{.metric = metric, .reflection_lm = lm_of(choice.prompt_model), .seed = choice.seed};
  // Exactly one of three says how much is tried.
  if (!choice.options.contains("max_full_evals") && !choice.options.contains("max_metric_calls"))
    options.effort = effort_of(choice.effort);
  return made<Gepa>(std::move(options), choice);
}

AnyOptimizer infer_rules(const OptimizerChoice& choice, const Metric& metric) {
  return made<InferRules>(InferRulesOptions{.metric = metric,
                                            .num_candidates = choice.candidates,
                                            .prompt_model = lm_of(choice.prompt_model),
                                            .teacher_lm = lm_of(choice.teacher_model),
                                            .max_bootstrapped_demos = choice.max_bootstrapped_demos,
                                            .max_labeled_demos = choice.max_labeled_demos,
                                            .screen_to = choice.screen_to,
                                            .race = choice.race},
                          choice);
}

AnyOptimizer reanchor(const OptimizerChoice& choice, const Metric& metric) {
  return made<ReAnchor>(ReAnchorOptions{.metric = metric}, choice);
}

AnyOptimizer finetune(const OptimizerChoice& choice, const Metric& metric) {
  return made<BootstrapFinetune>(BootstrapFinetuneOptions{.metric = metric}, choice);
}

using Make = AnyOptimizer (*)(const OptimizerChoice& choice, const Metric& metric);
const std::map<std::string_view, Make>& all_optimizers() {
  static const std::map<std::string_view, Make> all = {
      {"bootstrap", &bootstrap},         {"copro", &copro},       {"finetune", &finetune}, {"gepa", &gepa},
      {"infer-rules", &infer_rules},     {"labeled", &labeled},   {"mipro", &mipro},       {"optuna", &optuna},
      {"random-search", &random_search}, {"reanchor", &reanchor}, {"simba", &simba}};
  return all;
}

/// `bootstrap -> gepa`: the options of a stage have its name and a dot before theirs.
AnyOptimizer one_after_the_other(const OptimizerChoice& choice, const Metric& metric) {
  BetterTogetherOptions together{.metric = metric, .strategy = choice.optimizer, .seed = choice.seed};
  auto own = choice;
  for (const auto part : std::views::split(std::string_view(choice.optimizer), std::string_view("->"))) {
    auto stage = choice;
    stage.optimizer = text::trim(std::string_view(part));
    if (stage.optimizer.empty())
      throw Error(Errc::bad_input, std::format("--optimizer `{}` has an empty part; write an optimizer on each side of "
                                               "`->`",
                                               choice.optimizer));
    stage.options.clear();
    for (const auto& [name, value] : choice.options) {
      if (!name.starts_with(stage.optimizer + ".")) continue;
      stage.options.emplace(name.substr(stage.optimizer.size() + 1), value);
      own.options.erase(name);
    }
    together.optimizers.emplace(stage.optimizer, optimizer_of(stage, metric));
  }
  return made<BetterTogether>(std::move(together), own);
}

}  // namespace

Metric metric_of(const OptimizerChoice& choice, const Signature& signature, std::shared_ptr<LM> judge) {
  const auto field = choice.field.empty() ? signature.outputs.back().name : choice.field;
  if (signature.find(field) == nullptr)
    throw Error(Errc::bad_input, std::format("the program has no field `{}` to measure; see --field", field));
  return metric_named({.name = choice.metric, .field = field, .rubric = choice.rubric, .lm = std::move(judge)});
}

AnyOptimizer optimizer_of(const OptimizerChoice& choice, const Metric& metric) {
  if (choice.optimizer.contains("->")) return one_after_the_other(choice, metric);
  const auto made = all_optimizers().find(choice.optimizer);
  if (made == all_optimizers().end())
    throw Error(Errc::bad_input, std::format("unknown optimizer `{}`; use {}", choice.optimizer, optimizer_names()));
  return made->second(choice, metric);
}

std::string optimizer_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : all_optimizers()) names.emplace_back(name);
  return text::enumerate(names, "", "or");
}

}  // namespace dspy::app
