#include "dspy/optimize/bootstrap_few_shot.hpp"

#include "dspy/optimize/kernel/tpe.hpp"
#include "optimize/demos.hpp"
#include "optimize/options.hpp"
#include "optimize/screening.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

/// What candidates are measured on.
const std::vector<Example>& measured_on(Search& search, const Training& training) {
  if (!training.valset.empty()) return training.valset;
  search.note("there is no validation set: scores are on training examples, and too optimistic");
  return training.trainset;
}

}  // namespace

Optimized BootstrapFewShot::compile(const Program& student, const Training& training) const {
  const auto has_metric = options_.metric.is_set();
  Search search("BootstrapFewShot",
                {{"max_bootstrapped_demos", options_.max_bootstrapped_demos},
                 {"max_labeled_demos", options_.max_labeled_demos},
                 {"max_rounds", options_.max_rounds},
                 {"metric_threshold", json_of(options_.metric_threshold)}},
                student, has_metric ? options_.metric : any_answer(), training);
  return search.complete([&] {
    const auto before = search.add(student, "the program as it was");
    const bool is_measured = has_metric && !training.valset.empty();
    if (is_measured) search.evaluate(before, training.valset);
    auto made = bootstrap(search, student, training.teacher, training.trainset,
                          {.has_metric = has_metric,
                           .metric_threshold = options_.metric_threshold,
                           .max_bootstrapped_demos = options_.max_bootstrapped_demos,
                           .max_labeled_demos = options_.max_labeled_demos,
                           .max_rounds = options_.max_rounds,
                           .max_errors = options_.max_errors,
                           .teacher_lm = options_.teacher_lm});
    auto& details = search.report().details;
    details["errors"] = made.errors;
    details["bootstrapped"] = made.examples.size();
    const auto after = search.add(std::move(made.program), "bootstrapped demonstrations", {before});
    if (is_measured)
      search.evaluate(after, training.valset);
    else
      search.choose(after);
  });
}

Optimized BootstrapFewShotWithRandomSearch::compile(const Program& student, const Training& training) const {
  require_metric("BootstrapFewShotWithRandomSearch", options_.metric);
  require_screening(options_.screen_to, options_.race);
  Search search("BootstrapFewShotWithRandomSearch",
                {{"max_bootstrapped_demos", options_.max_bootstrapped_demos},
                 {"max_labeled_demos", options_.max_labeled_demos},
                 {"max_rounds", options_.max_rounds},
                 {"num_candidate_programs", options_.num_candidate_programs},
                 {"metric_threshold", json_of(options_.metric_threshold)},
                 {"labeled_sample", options_.labeled_sample},
                 {"screen_to", json_of(options_.screen_to)},
                 {"race", json_of(options_.race)}},
                student, options_.metric, training);
  BootstrapSettings settings{.metric_threshold = options_.metric_threshold,
                             .max_bootstrapped_demos = options_.max_bootstrapped_demos,
                             .max_labeled_demos = options_.max_labeled_demos,
                             .max_rounds = options_.max_rounds,
                             .max_errors = options_.max_errors,
                             .teacher_lm = options_.teacher_lm};
  const auto most = static_cast<std::int64_t>(options_.max_bootstrapped_demos);
  const auto make = [&](std::int64_t seed) -> std::pair<Program, std::string> {
    if (seed == -3) return {without_demos(student), "no demonstrations"};
    if (seed == -2) {
      return {labeled(student, training.trainset, options_.max_labeled_demos, options_.labeled_sample),
              "labelled demonstrations"};
    }
    auto order = training.trainset;
    settings.max_bootstrapped_demos = options_.max_bootstrapped_demos;
    if (seed >= 0) {
      PythonRandom(static_cast<std::uint64_t>(seed)).shuffle(order);
      settings.max_bootstrapped_demos =
          static_cast<std::size_t>(PythonRandom(static_cast<std::uint64_t>(seed)).integer(1, most));
    }
    return {bootstrap(search, student, training.teacher, order, settings).program,
            seed < 0 ? "bootstrapped demonstrations" : std::format("bootstrapped demonstrations of seed {}", seed)};
  };
  return search.complete([&] {
    const auto& rows = measured_on(search, training);
    const bool is_chosen_from = options_.screen_to || options_.race;
    std::vector<std::size_t> later;
    for (std::int64_t seed = -3; seed < static_cast<std::int64_t>(options_.num_candidate_programs); ++seed) {
      if (!options_.restrict_to.empty() && !std::ranges::contains(options_.restrict_to, seed)) continue;
      if (seed >= -1 && options_.max_bootstrapped_demos == 0) continue;
      auto [program, origin] = make(seed);
      const auto candidate = search.add(std::move(program), origin);
      if (is_chosen_from && candidate > 0) {
        later.push_back(candidate);  // the first is what they are compared with
        continue;
      }
      const auto score = search.evaluate(candidate, rows);
      if (options_.stop_at_score && score >= *options_.stop_at_score) return;
    }
    if (!later.empty()) screen_and_race(search, std::move(later), rows, options_.screen_to, options_.race);
  });
}

Optimized BootstrapFewShotWithOptuna::compile(const Program& student, const Training& training) const {
  require_metric("BootstrapFewShotWithOptuna", options_.metric);
  Search search("BootstrapFewShotWithOptuna",
                {{"max_bootstrapped_demos", options_.max_bootstrapped_demos},
                 {"max_labeled_demos", options_.max_labeled_demos},
                 {"max_rounds", options_.max_rounds},
                 {"num_candidate_programs", options_.num_candidate_programs},
                 {"max_demos", options_.max_demos},
                 {"metric_threshold", json_of(options_.metric_threshold)},
                 {"seed", options_.seed}},
                student, options_.metric, training);
  return search.complete([&] {
    const auto& rows = measured_on(search, training);
    const auto before = search.add(student, "the program as it was");
    search.evaluate(before, rows);
    const auto pool = demos_of(bootstrap(search, student, training.teacher, training.trainset,
                                         {.metric_threshold = options_.metric_threshold,
                                          .max_bootstrapped_demos = options_.max_bootstrapped_demos,
                                          .max_labeled_demos = options_.max_labeled_demos,
                                          .max_rounds = options_.max_rounds,
                                          .teacher_lm = options_.teacher_lm})
                                   .program);
    std::vector<TpeSampler::Dimension> space;
    std::vector<const std::pair<const std::string, Demos>*> owners;
    for (const auto& each : pool) {
      if (each.second.empty()) continue;
      for (std::size_t i = 0; i < options_.max_demos; ++i) {
        space.push_back({.name = std::format("demo_index_for_{}_{}", each.first, i), .choices = each.second.size()});
        owners.push_back(&each);
      }
    }
    if (space.empty()) return search.note("there was nothing to make demonstrations of");
    TpeSampler sampler(space, options_.seed);
    for (std::size_t trial = 0; trial < options_.num_candidate_programs; ++trial) {
      const auto point = sampler.suggest();
      DemosByPath chosen;
      for (std::size_t i = 0; i < point.size(); ++i) {
        auto& demos = chosen[owners[i]->first];
        const auto& demo = owners[i]->second[point[i]];
        if (!std::ranges::contains(demos, demo)) demos.push_back(demo);
      }
      const auto number =
          search.add(with_demos(without_demos(student), chosen), std::format("demonstrations of trial {}", trial + 1));
      sampler.record(point, search.evaluate(number, rows));
    }
  });
}

}  // namespace dspy
