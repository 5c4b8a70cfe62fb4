#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/optimizer.hpp"
#include "dspy/optimize/reanchor.hpp"
#include "dspy/optimize/simba.hpp"
#include "dspy/programs/program_file.hpp"
#include "json.hpp"
#include "lm.hpp"
#include "metric.hpp"
#include "program.hpp"
#include "values.hpp"
#include "waiting.hpp"

#include <nanobind/stl/string.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

template <class T>
T option_of(nb::handle value) {
  if constexpr (std::same_as<T, Metric>) {
    return to_metric(value);
  } else if constexpr (std::same_as<T, std::shared_ptr<LM>>) {
    return to_lm(value);
  } else if constexpr (std::same_as<T, Effort>) {
    const auto name = nb::cast<std::string>(value);
    for (const auto effort : {Effort::light, Effort::medium, Effort::heavy}) {
      if (to_string(effort) == name) return effort;
    }
    throw Error(Errc::invalid_parameter, std::format("`{}` is no effort; there are light, medium and heavy", name));
  } else {
    return nb::cast<T>(value);
  }
}

/// Takes an optimizer's options by name, and refuses those that nobody took.
class Options {
 public:
  Options(std::string_view optimizer, nb::dict given) : optimizer_(optimizer), given_(std::move(given)) {}

  template <class T>
  Options& take(const char* name, T& into) {
    known_.insert(name);
    if (given_.contains(name)) into = option_of<T>(given_[name]);
    return *this;
  }
  template <class T>
  Options& take(const char* name, std::optional<T>& into) {
    known_.insert(name);
    if (!given_.contains(name)) return *this;
    const nb::object value = given_[name];
    if (value.is_none()) {
      into.reset();
    } else {
      into = option_of<T>(value);
    }
    return *this;
  }
  void finish() const {
    for (const auto& [key, value] : given_) {
      const auto name = nb::cast<std::string>(key);
      if (known_.contains(name)) continue;
      std::string all;
      for (const auto& one : known_) all += (all.empty() ? "" : ", ") + one;
      throw Error(Errc::invalid_parameter, std::format("{} has no option `{}`; it has {}", optimizer_, name, all));
    }
  }

 private:
  std::string optimizer_;
  nb::dict given_;
  std::set<std::string> known_;
};

using Compile = std::function<Optimized(const Program&, const Training&)>;

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
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is no candidate_selection_strategy; there are pareto and current_best", selection));
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
  };
  return all.at(name)(Options(name, std::move(options)));
}

/// Compiles a copy of `student`; returns the file of what was found, to be loaded into another copy, and the report.
nb::object compile(const std::string& name, nb::dict options, nb::handle student, nb::handle trainset,
                   nb::handle valset, nb::handle teacher, nb::handle search, nb::object on_event) {
  const auto run = optimizer(name, std::move(options));
  Training training{.trainset = to_examples(trainset)};
  if (!valset.is_none()) training.valset = to_examples(valset);
  if (!teacher.is_none()) training.teacher = to_program(teacher);
  nb::dict given = nb::cast<nb::dict>(search);
  std::string checkpoint;
  Options limits("compile", given);
  limits.take("concurrency", training.search.concurrency).take("checkpoint", checkpoint);
  limits.take("max_requests", training.search.limits.requests).take("max_tokens", training.search.limits.tokens);
  limits.take("max_rollouts", training.search.limits.rollouts).take("failure_score", training.search.failure_score);
  limits.finish();
  training.search.checkpoint = checkpoint;
  if (!on_event.is_none()) {
    training.search.on_event = [held = Held(std::move(on_event))](const optimize::Event& event) {
      with_python([&] { held.get()(to_python(to_line(event))); });
    };
  }
  const auto program = to_program(student);
  std::optional<Optimized> found;
  wait_for([&](std::stop_token stop) {
    training.search.stop = std::move(stop);
    // A search blocks its thread; this one stays free to hear Ctrl-C.
    return on_python_thread([&] { found.emplace(run(program, training)); });
  });
  auto file = to_program_file(found->program);
  file.optimizer = {{"name", name}};
  nb::object out =
      nb::make_tuple(to_python(to_text(file)), to_python(to_json(found->report)), to_python(to_html(found->report)));
  const nb::gil_scoped_release released;  // copies of Python programs take the GIL when they go
  found.reset();
  return out;
}

}  // namespace

void bind_optimize(nb::module_& m) {
  m.def("_compile", &compile, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg(),
        nb::arg().none());
}

}  // namespace dspy::python
