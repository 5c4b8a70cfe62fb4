#include "dspy/optimize/reanchor.hpp"

#include "dspy/base/error.hpp"
#include "dspy/evaluate/calibration.hpp"
#include "dspy/signature/decision.hpp"
#include "optimize/options.hpp"
#include "optimize/proposing/proposing.hpp"

#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using namespace optimize;

/// An output that is decided, of a predictor.
struct Place {
  std::string path;
  std::string output;
};

/// The outputs that are decided, or could be if none is.
std::vector<Place> places_of(const Program& program) {
  std::vector<Place> decided, possible;
  program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    for (const auto& [output, settings] : predictor.decisions()) decided.push_back({path, output});
    for (const auto& field : predictor.signature().outputs) {
      if (attempt([&] { return decision_space(field); })) possible.push_back({path, field.name});
    }
  });
  return decided.empty() ? possible : decided;
}

Program with_settings(Program program, const Place& place, const DecisionSettings& settings) {
  program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    if (path != place.path) return;
    auto decisions = predictor.decisions();
    decisions[place.output] = settings;
    predictor.set_decisions(std::move(decisions));
  });
  return program;
}

DecisionSettings settings_at(const Program& program, const Place& place) {
  const auto& decisions = predictor_at(program, place.path).decisions();
  const auto found = decisions.find(place.output);
  return found == decisions.end() ? DecisionSettings() : found->second;
}

/// What of a program its prompts do not say.
std::string variant_of(const Program& program) {
  std::string out;
  program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    for (const auto& [output, settings] : predictor.decisions()) {
      out += path + "." + output + to_text(Json(to_json(settings)));
      for (const auto& [label, prior] : settings.prior) out += std::format(" {} {}", label, prior);
    }
  });
  return out;
}

/// What the models said about the output in each run, with the example's label.
std::vector<Evidence> evidence_of(Search& search, const Program& program, const Place& place,
                                  const std::vector<Example>& examples, const Field& field,
                                  const DecisionSpace& space) {
  std::vector<Job> jobs;
  for (const auto& example : examples)
    jobs.push_back({.program = &program, .example = &example, .variant = variant_of(program)});
  const auto outcomes = search.run(jobs);
  std::vector<Evidence> out;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto* const label = examples[i].get(place.output);
    if (label == nullptr) continue;
    for (const auto& step : outcomes[i].rollout->steps) {
      if (step.path != place.path) continue;
      // A run that a checkpoint kept has them for the program's own outputs only.
      const auto& told = step.prediction.probabilities.empty() ? outcomes[i].rollout->prediction : step.prediction;
      if (const auto measured = attempt([&] { return probabilities_of(told, field, space); }))
        out.push_back({.probabilities = *measured, .label = *label});
    }
  }
  return out;
}

class Anchoring {
 public:
  Anchoring(Search& search, const Program& student, const Training& training)
      : search_(search),
        training_(training),
        rows_(training.valset.empty() ? training.trainset : training.valset),
        current_(student) {}

  void run() {
    auto last = search_.add(current_, "the program as it was", {}, variant_of(current_));
    search_.evaluate(last, rows_);
    for (const auto& place : places_of(current_)) {
      const auto changed = fitted(place);
      if (!changed) continue;
      current_ = *changed;
      last = search_.add(current_, std::format("`{}` of `{}` fitted", place.output, place.path), {last},
                         variant_of(current_));
      search_.evaluate(last, rows_);
    }
  }

 private:
  std::optional<Program> fitted(const Place& place) {
    const auto start = settings_at(current_, place);
    const auto& signature = predictor_at(current_, place.path).signature();
    const auto& field = *signature.find(place.output);
    const auto space = decision_space(field, start.is_scale);
    const auto decided = with_settings(current_, place, start);
    const auto evidence = evidence_of(search_, decided, place, training_.trainset, field, space);
    const auto name = std::format("`{}` of `{}`", place.output, place.path);
    if (evidence.empty()) {
      search_.note(name +
                   " is left as it was: the examples have no labels for it, or the model tells no probabilities");
      return std::nullopt;
    }
    const auto found = fit_decision(space, start, evidence);
    search_.note(
        std::format("{} of {}: {:.1f} % of {} training examples right before, {:.1f} % after, {:.1f} % held out{}",
                    found.parameter, name, percent(found.start), evidence.size(), percent(found.fitted),
                    percent(found.held_out), found.is_kept ? "" : "; left as it was: " + found.skipped));
    return found.is_kept ? std::optional(with_settings(current_, place, found.settings)) : std::nullopt;
  }

  Search& search_;
  const Training& training_;
  const std::vector<Example>& rows_;
  Program current_;
};

}  // namespace

Optimized ReAnchor::compile(const Program& student, const Training& training) const {
  require_metric("ReAnchor", options_.metric);
  if (places_of(student).empty()) {
    throw Error(Errc::config_error,
                "ReAnchor fits how outputs are decided, and the program has none that can be; declare one as bool, as "
                "Literal['a', 'b'] or as a whole number with limits");
  }
  Search search("ReAnchor", {}, student, options_.metric, training);
  return search.complete([&] { Anchoring(search, student, training).run(); });
}

}  // namespace dspy
