#include "dspy/optimize/gepa.hpp"

#include "optimize/demos.hpp"
#include "optimize/gepa/evolution.hpp"
#include "optimize/gepa/front.hpp"
#include "optimize/options.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

std::size_t trials_for_gepa(std::size_t predictors, std::size_t candidates) {
  const auto count = static_cast<double>(candidates);
  return static_cast<std::size_t>(std::max(4 * static_cast<double>(predictors) * std::log2(count), 1.5 * count));
}

}  // namespace

Gepa::Gepa(GepaOptions options) : options_(std::move(options)) {
  const int budgets =
      (options_.effort ? 1 : 0) + (options_.max_full_evals ? 1 : 0) + (options_.max_metric_calls ? 1 : 0);
  if (budgets != 1) {
    throw Error(Errc::invalid_parameter,
                "GEPA needs exactly one budget: `.effort`, `.max_full_evals` or `.max_metric_calls`");
  }
  if (options_.max_full_evals == 0 || options_.max_metric_calls == 0)
    throw Error(Errc::invalid_parameter, "a budget of 0 allows nothing to be tried");
  if (options_.reflection_minibatch_size == 0)
    throw Error(Errc::invalid_parameter, "GEPA reflects on at least one example: `.reflection_minibatch_size` is 0");
  if (options_.num_parallel_proposals == 0)
    throw Error(Errc::invalid_parameter, "GEPA changes at least one program at a time: `.num_parallel_proposals` is 0");
}

std::size_t Gepa::budget(Effort effort, std::size_t predictors, std::size_t validation_examples) {
  const std::size_t n = effort == Effort::light ? 6 : effort == Effort::medium ? 12 : 18;
  const auto trials = trials_for_gepa(predictors, n);
  const auto full_evals = (trials + 1) / 5 + 1 + (trials < 5 ? 1 : 0);
  return validation_examples + 5 * n + 35 * trials + full_evals * validation_examples;
}

Optimized Gepa::compile(const Program& student, const Training& training) const {
  require_metric("GEPA", options_.metric);
  const auto& val = training.valset.empty() ? training.trainset : training.valset;
  JsonObject options = {{"effort", options_.effort ? Json(to_string(*options_.effort)) : Json()},
                        {"max_full_evals", json_of(options_.max_full_evals)},
                        {"max_metric_calls", json_of(options_.max_metric_calls)},
                        {"reflection_minibatch_size", options_.reflection_minibatch_size},
                        {"current_best", options_.candidate_selection == GepaOptions::Selection::current_best},
                        {"frontier", to_string(options_.frontier)},
                        {"all_components", options_.component_selector == GepaOptions::Components::all},
                        {"use_merge", options_.use_merge},
                        {"max_merge_invocations", options_.max_merge_invocations},
                        {"skip_perfect_score", options_.skip_perfect_score},
                        {"perfect_score", options_.perfect_score},
                        {"seed", options_.seed}};
  if (options_.num_parallel_proposals != 1) options["num_parallel_proposals"] = options_.num_parallel_proposals;
  Search search("GEPA", std::move(options), student, options_.metric, training);
  auto budget = options_.max_metric_calls.value_or(0);
  if (options_.max_full_evals) budget = *options_.max_full_evals * (training.trainset.size() + training.valset.size());
  if (options_.effort) budget = Gepa::budget(*options_.effort, paths_of(student).size(), val.size());
  if (budget < val.size()) {
    throw Error(Errc::invalid_parameter,
                std::format("GEPA's budget of {} examples does not even measure the program on the {} validation "
                            "examples",
                            budget, val.size()));
  }
  return search.complete(
      [&] { evolve(search, options_, student, training.trainset, val, budget, training.search.failure_score); });
}

}  // namespace dspy
