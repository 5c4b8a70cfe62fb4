#include "optimize/gepa/reflecting.hpp"

#include "optimize/proposing/instruction_proposer.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <utility>
#include <vector>

namespace dspy::optimize {

bool Reflecting::is_instructive(Attempt& attempt) const {
  if (std::ranges::none_of(attempt.outcomes, &Outcome::is_scored) && !options_.add_format_failure_as_feedback) {
    attempt.entry["skipped"] = "no example could be run";
    return false;
  }
  const bool is_perfect = options_.skip_perfect_score && std::ranges::all_of(attempt.before, [&](double score) {
                            return score >= options_.perfect_score;
                          });
  if (is_perfect) attempt.entry["skipped"] = "all went well";
  return !is_perfect;
}

void Reflecting::propose(std::vector<Attempt>& attempts) {
  struct Place {
    Attempt* attempt;
    std::size_t component;
  };
  std::vector<Place> places;
  std::vector<Reflection> reflections;
  for (auto& attempt : attempts) {
    for (const auto component : attempt.components) {
      auto reflection = reflection_on(component, attempt);
      if (reflection.examples.empty()) continue;
      places.push_back({&attempt, component});
      reflections.push_back(std::move(reflection));
    }
  }
  auto proposals = written_for(reflections);
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& [attempt, component] = places[i];
    if (proposals[i].empty()) continue;
    search_.tell({.kind = Event::Kind::proposed, .text = proposals[i]});
    if (proposals[i] == attempt->child[component]) continue;
    attempt->child[component] = std::move(proposals[i]);
    attempt->changed.emplace_back(paths_[component]);
  }
  for (auto& attempt : attempts) {
    if (!attempt.child.empty()) attempt.entry["components"] = attempt.changed;
  }
}

Reflection Reflecting::reflection_on(std::size_t component, const Attempt& attempt) {
  Reflection out{.predictor = paths_[component], .current_instruction = attempt.child[component]};
  std::vector<Job> jobs;  // known runs, with the metric's feedback for this predictor
  for (const auto row : attempt.rows)
    jobs.push_back({.program = &attempt.program, .example = &train_[row], .predictor = paths_[component]});
  const auto outcomes = search_.run(jobs);
  for (std::size_t i = 0; i < attempt.rows.size(); ++i) add_example(out, outcomes[i], attempt.rows[i]);
  return out;
}

std::vector<std::string> Reflecting::written_for(const std::vector<Reflection>& reflections) {
  std::vector<std::string> out;
  if (options_.instruction_proposer) {
    for (const auto& each : reflections) out.push_back(options_.instruction_proposer(each));
    return out;
  }
  if (reflections.empty()) return out;
  out = propose_instructions(search_, student_, reflections, options_.reflection_lm, options_.proposer, proposals_ + 1);
  proposals_ += reflections.size();
  return out;
}

void Reflecting::add_example(Reflection& reflection, const Outcome& outcome, std::size_t row) {
  const auto& rollout = *outcome.rollout;
  if (rollout.failure) {
    if (!options_.add_format_failure_as_feedback || !rollout.failed || rollout.failed->path != reflection.predictor)
      return;
    reflection.examples.push_back({.inputs = rollout.failed->inputs,
                                   .reply = rollout.failed->raw,
                                   .feedback = "The reply could not be read: " + rollout.failed->reason,
                                   .example = row});
    return;
  }
  std::vector<const TraceStep*> steps;
  for (const auto& step : rollout.steps) {
    if (step.path == reflection.predictor) steps.push_back(&step);
  }
  if (steps.empty()) return;
  const auto& step = *steps[static_cast<std::size_t>(traces_.below(steps.size()))];
  reflection.examples.push_back({.inputs = step.inputs,
                                 .outputs = step.prediction.data,
                                 .feedback = outcome.score.feedback.empty()
                                                 ? std::format("It was given a score of {}.", outcome.score.value)
                                                 : outcome.score.feedback,
                                 .example = row});
}

}  // namespace dspy::optimize
