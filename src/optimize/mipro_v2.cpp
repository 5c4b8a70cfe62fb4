#include "dspy/optimize/mipro_v2.hpp"

#include "lm/json/sampling_json.hpp"
#include "optimize/mipro_search.hpp"
#include "optimize/options.hpp"
#include "optimize/proposing/grounded_proposer.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

constexpr std::size_t smallest_for_minibatches = 50;
constexpr std::size_t largest_valset = 1000;
constexpr std::size_t shown_to_proposer = 3;  // demonstrations, where the program is to have none

struct Amount {
  std::size_t candidates;
  std::size_t rows;
};

Amount amount_of(Effort effort) noexcept {
  switch (effort) {
    case Effort::light: return {6, 100};
    case Effort::medium: return {12, 300};
    case Effort::heavy: return {18, 1000};
  }
  return {6, 100};
}

struct Sets {
  std::vector<Example> train;
  std::vector<Example> val;
};

Sets sets_of(const Training& training) {
  if (!training.valset.empty()) return {training.trainset, training.valset};
  const auto& all = training.trainset;
  if (all.size() < 2) {
    throw Error(Errc::invalid_parameter,
                "MIPROv2 divides the training set where there is no validation set: one example is too few");
  }
  const auto count = std::min(largest_valset, std::max<std::size_t>(1, all.size() * 8 / 10));
  const auto cut = all.end() - static_cast<std::ptrdiff_t>(count);
  return {{all.begin(), cut}, {cut, all.end()}};
}

JsonArray to_json(const std::vector<Sampling>& samplings) {
  JsonArray out;
  for (const auto& sampling : samplings) out.emplace_back(dspy::to_json(sampling));
  return out;
}

JsonArray to_json(const std::vector<MiproTrial>& trials) {
  JsonArray out;
  for (const auto& trial : trials) {
    JsonArray point;
    for (const auto choice : trial.point) point.emplace_back(choice);
    out.emplace_back(JsonObject{{"point", std::move(point)}, {"full", trial.is_full}, {"score", trial.score}});
  }
  return out;
}

JsonObject described(const MiproOptions& options) {
  return {{"effort", options.effort ? Json(to_string(*options.effort)) : Json()},
          {"num_candidates", json_of(options.num_candidates)},
          {"num_trials", json_of(options.num_trials)},
          {"max_bootstrapped_demos", options.max_bootstrapped_demos},
          {"max_labeled_demos", options.max_labeled_demos},
          {"minibatch", options.minibatch},
          {"minibatch_size", options.minibatch_size},
          {"minibatch_full_eval_steps", options.minibatch_full_eval_steps},
          {"init_temperature", options.init_temperature},
          {"metric_threshold", json_of(options.metric_threshold)},
          {"samplings", to_json(options.samplings)},
          {"seed", options.seed}};
}

}  // namespace

std::string_view to_string(Effort effort) noexcept {
  switch (effort) {
    case Effort::light: return "light";
    case Effort::medium: return "medium";
    case Effort::heavy: return "heavy";
  }
  return "light";
}

MiproV2::MiproV2(MiproOptions options) : options_(std::move(options)) {
  if (options_.effort && (options_.num_candidates || options_.num_trials)) {
    throw Error(Errc::invalid_parameter,
                "MIPROv2 takes an effort, or numbers of candidates and trials: unset `.effort` to give numbers");
  }
  if (!options_.effort && (!options_.num_candidates || !options_.num_trials)) {
    throw Error(Errc::invalid_parameter, "MIPROv2 without an effort needs both `.num_candidates` and `.num_trials`");
  }
  if (options_.num_candidates == 0 || options_.num_trials == 0)
    throw Error(Errc::invalid_parameter, "MIPROv2 needs at least one candidate and one trial");
  if (options_.minibatch_size == 0 || options_.minibatch_full_eval_steps == 0)
    throw Error(Errc::invalid_parameter,
                "MIPROv2's minibatches and the steps between full measurements are at least 1");
  for (const auto& sampling : options_.samplings) validate(sampling);
}

Optimized MiproV2::compile(const Program& student, const Training& training) const {
  require_metric("MIPROv2", options_.metric);
  const auto predictors = paths_of(student).size();
  const bool is_zero_shot = options_.max_bootstrapped_demos == 0 && options_.max_labeled_demos == 0;
  Search search("MIPROv2", described(options_), student, options_.metric, training);
  return search.complete([&] {
    PythonRandom random(options_.seed);
    auto [train, val] = sets_of(training);
    auto minibatch = options_.minibatch;
    auto instructions = options_.num_candidates.value_or(0);
    auto sets = instructions;
    auto trials = options_.num_trials.value_or(0);
    if (options_.effort) {
      const auto [candidates, rows] = amount_of(*options_.effort);
      std::vector<Example> chosen;
      for (const auto row : minibatch_of(val.size(), rows, random)) chosen.push_back(val[row]);
      val = std::move(chosen);
      minibatch = minibatch && val.size() > smallest_for_minibatches;
      instructions = is_zero_shot ? candidates : candidates / 2;
      sets = candidates;
      trials = trials_for(predictors, is_zero_shot, candidates);
    }
    if (minibatch && options_.minibatch_size > val.size()) {
      throw Error(Errc::invalid_parameter,
                  std::format("minibatches of {} examples are larger than the validation set of {}; set "
                              "`.minibatch_size` or turn `.minibatch` off",
                              options_.minibatch_size, val.size()));
    }
    auto demos =
        demo_sets(search, student, training.teacher, train, sets,
                  {.metric_threshold = options_.metric_threshold,
                   .max_bootstrapped_demos = is_zero_shot ? shown_to_proposer : options_.max_bootstrapped_demos,
                   .max_labeled_demos = is_zero_shot ? 0 : options_.max_labeled_demos,
                   .max_errors = options_.max_errors,
                   .teacher_lm = options_.teacher_lm},
                  true, true, random);
    MiproSpace space;
    space.instructions = propose_instructions(search, student, train, demos, instructions, options_, random);
    if (!is_zero_shot) space.demo_sets = std::move(demos);
    space.samplings = options_.samplings;
    const auto log = search_combinations(search, student, space, val,
                                         {.num_trials = trials,
                                          .minibatch = minibatch,
                                          .minibatch_size = options_.minibatch_size,
                                          .full_eval_steps = options_.minibatch_full_eval_steps,
                                          .seed = options_.seed},
                                         random);
    search.report().details["trials"] = to_json(log);
  });
}

}  // namespace dspy
