#include "dspy/optimize/infer_rules.hpp"

#include "optimize/demos.hpp"
#include "optimize/options.hpp"
#include "optimize/proposing/proposing.hpp"
#include "optimize/screening.hpp"

#include <cstddef>
#include <format>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using namespace optimize;

constexpr std::string_view task =
    "You see examples of a task. Infer the rules that lead from the inputs to the outputs, so that somebody who has "
    "only "
    "the rules could do the task. Each rule is short and can be acted on; leave out what is self-evident. Write one "
    "rule a line.";

std::string written(const std::vector<Example>& examples, std::size_t count, const Signature& signature) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    const Example example(examples[i].data, signature);
    out += std::format("Input:\n{}Output:\n{}\n", listed(example.inputs()), listed(example.outputs()));
  }
  return out;
}

struct Halves {
  std::vector<Example> train;
  std::vector<Example> val;
};

/// Splits the training set in two if there is no validation set.
Halves halves_of(const Training& training) {
  if (!training.valset.empty()) return {training.trainset, training.valset};
  const auto& all = training.trainset;
  const auto half = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  return {{all.begin(), half}, {half, all.end()}};
}

/// What the pen writes of examples, fewer of them where all are too many for the model; empty if it writes nothing.
std::string inferred_rules(Search& search, const Predictor& pen, const std::vector<Example>& examples,
                           const Signature& signature, std::size_t about_how_many, std::uint64_t& number) {
  std::string rules;
  for (auto count = examples.size(); count > 0 && rules.empty(); count /= 2) {
    const auto answer =
        search.ask({.predictor = pen,
                    .inputs = {{"examples", written(examples, count, signature)}, {"about_how_many", about_how_many}},
                    .draw = {.number = ++number, .temperature = 1}});
    if (answer) rules = text_of(*answer, "rules");
  }
  return rules;
}

}  // namespace

Optimized InferRules::compile(const Program& student, const Training& training) const {
  require_metric("InferRules", options_.metric);
  require_screening(options_.screen_to, options_.race);
  Search search("InferRules",
                {{"num_candidates", options_.num_candidates},
                 {"num_rules", options_.num_rules},
                 {"max_bootstrapped_demos", options_.max_bootstrapped_demos},
                 {"max_labeled_demos", options_.max_labeled_demos},
                 {"max_rounds", options_.max_rounds},
                 {"screen_to", json_of(options_.screen_to)},
                 {"race", json_of(options_.race)}},
                student, options_.metric, training);
  if (training.valset.empty() && training.trainset.size() < 2) {
    throw Error(Errc::invalid_parameter,
                "InferRules halves the training set where there is no validation set: one example is too few");
  }
  return search.complete([&] {
    const auto [train, val] = halves_of(training);
    const auto before = search.add(student, "the program as it was");
    search.evaluate(before, val);
    const auto base = search.add(bootstrap(search, student, training.teacher, train,
                                           {.max_bootstrapped_demos = options_.max_bootstrapped_demos,
                                            .max_labeled_demos = options_.max_labeled_demos,
                                            .max_rounds = options_.max_rounds,
                                            .teacher_lm = options_.teacher_lm})
                                     .program,
                                 "bootstrapped demonstrations", {before});
    search.evaluate(base, val);
    const auto with_demonstrations = search.candidates()[base].program;
    std::vector<std::size_t> later;  // where not all of them are measured
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < options_.num_candidates; ++i) {
      auto program = with_demonstrations;
      for (const auto& path : paths_of(student)) {
        const auto& signature = predictor_at(with_demonstrations, path).signature();
        const auto pen = writer("examples, about_how_many: int -> rules", task, options_.prompt_model, student);
        const auto rules = inferred_rules(search, pen, train, signature, options_.num_rules, number);
        if (rules.empty()) continue;
        search.tell({.kind = Event::Kind::proposed, .text = rules});
        program = with_instructions(std::move(program), path,
                                    std::format("{}\n\nKeep to these rules:\n{}", signature.instructions, rules));
      }
      const auto candidate = search.add(std::move(program), std::format("rules {}", i + 1), {base});
      if (options_.screen_to || options_.race) {
        later.push_back(candidate);
      } else {
        search.evaluate(candidate, val);
      }
    }
    if (!later.empty()) screen_and_race(search, std::move(later), val, options_.screen_to, options_.race);
  });
}

}  // namespace dspy
