#include "optimize/mipro_search.hpp"

#include "dspy/optimize/kernel/tpe.hpp"
#include "optimize/proposing/proposing.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

namespace dspy::optimize {
namespace {

using Point = TpeSampler::Point;

std::vector<TpeSampler::Dimension> dimensions_of(const MiproSpace& space) {
  std::vector<TpeSampler::Dimension> out;
  for (std::size_t i = 0; i < space.instructions.size(); ++i) {
    out.push_back({.name = std::format("{}_predictor_instruction", i), .choices = space.instructions[i].size()});
    if (!space.demo_sets.empty())
      out.push_back({.name = std::format("{}_predictor_demos", i), .choices = space.demo_sets.size()});
    if (!space.samplings.empty())
      out.push_back({.name = std::format("{}_predictor_sampling", i), .choices = 1 + space.samplings.size()});
  }
  return out;
}

class Trials {
 public:
  Trials(Search& search, const Program& student, const MiproSpace& space, const std::vector<Example>& valset,
         const MiproTrials& settings, PythonRandom& random)
      : search_(search),
        student_(student),
        paths_(paths_of(student)),
        space_(space),
        valset_(valset),
        settings_(settings),
        random_(random),
        sampler_(dimensions_of(space), static_cast<std::uint32_t>(settings.seed)) {}

  std::vector<MiproTrial> run() {
    const Point origin(dimensions_of(space_).size(), 0);
    candidates_[origin] = search_.add(student_, "the program as it was");
    record_full(origin, candidates_[origin]);
    const auto steps = settings_.full_eval_steps;
    const auto last = adjusted_trials() - 1;
    for (std::size_t done = 0; done < settings_.num_trials; ++done) {
      const auto point = sampler_.suggest();
      const auto candidate = candidate_of(point);
      if (!settings_.minibatch) {
        record_full(point, candidate);
        continue;
      }
      const auto number = log_.size() + 1;  // as DSPy counts, the first being the program as it was
      if (settings_.minibatch_size >= valset_.size()) {
        record_full(point, candidate);  // a minibatch of all examples
      } else {
        auto rows = minibatch_of(valset_.size(), settings_.minibatch_size, random_);
        const double mean = percent(search_.evaluate_some(candidate, valset_, rows));
        sampler_.record(point, mean);
        log_.push_back({.point = point, .rows = std::move(rows), .score = mean});
      }
      means_of(point).second.push_back(log_.back().score);
      if (number % (steps + 1) == 0 || number == last) measure_the_most_promising();
    }
    if (settings_.minibatch) measure_the_most_promising();  // nothing is returned that was not measured in full
    return std::move(log_);
  }

 private:
  std::size_t adjusted_trials() const {
    const auto trials = settings_.num_trials;
    const auto steps = settings_.full_eval_steps;
    return trials + trials / steps + 1 + (trials % steps == 0 ? 0 : 1);
  }

  Program program_of(const Point& point) const {
    auto program = student_;
    std::size_t at = 0;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      const auto& instruction = space_.instructions[i][point[at++]];
      const auto* const demos = space_.demo_sets.empty() ? nullptr : &space_.demo_sets[point[at++]];
      const auto sampling = space_.samplings.empty() ? 0 : point[at++];
      program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
        if (path != paths_[i]) return;
        predictor.set_signature(predictor.signature().with_instructions(instruction));
        if (demos != nullptr) predictor.set_demos(demos->at(path));
        if (sampling > 0) predictor.set_sampling(space_.samplings[sampling - 1].over(predictor.sampling()));
      });
    }
    return program;
  }

  std::string origin_of(const Point& point) const {
    std::string out;
    std::size_t at = 0;
    for (const auto& path : paths_) {
      out += std::format("{}`{}`: instruction {}", out.empty() ? "" : "; ", path, point[at++]);
      if (!space_.demo_sets.empty()) out += std::format(", demonstrations {}", point[at++]);
      if (!space_.samplings.empty()) out += std::format(", sampling {}", point[at++]);
    }
    return out;
  }

  std::size_t candidate_of(const Point& point) {
    const auto at = candidates_.find(point);
    // The origin stands for the program as it was, whose own demonstrations are not the first set's.
    if (at != candidates_.end() && (at->second != 0 || !has_demos(student_) || space_.demo_sets.empty()))
      return at->second;
    return candidates_[point] = search_.add(program_of(point), origin_of(point));
  }

  void record_full(const Point& point, std::size_t candidate) {
    const double score = percent(search_.evaluate(candidate, valset_));
    sampler_.record(point, score);
    log_.push_back({.point = point, .is_full = true, .score = score});
  }

  std::pair<Point, std::vector<double>>& means_of(const Point& point) {
    const auto at = std::ranges::find(seen_, point, &std::pair<Point, std::vector<double>>::first);
    if (at != seen_.end()) return *at;
    return seen_.emplace_back(point, std::vector<double>{});
  }

  void measure_the_most_promising() {
    const std::pair<Point, std::vector<double>>* best = nullptr;
    double most = 0;
    for (const auto& each : seen_) {
      if (std::ranges::contains(measured_, each.first)) continue;
      const double mean =
          std::accumulate(each.second.begin(), each.second.end(), 0.0) / static_cast<double>(each.second.size());
      if (best != nullptr && mean <= most) continue;
      best = &each;
      most = mean;
    }
    if (best == nullptr) return;
    measured_.push_back(best->first);
    record_full(best->first, candidates_.at(best->first));
  }

  Search& search_;
  const Program& student_;
  std::vector<std::string> paths_;
  const MiproSpace& space_;
  const std::vector<Example>& valset_;
  const MiproTrials& settings_;
  PythonRandom& random_;
  TpeSampler sampler_;
  std::map<Point, std::size_t> candidates_;
  std::vector<std::pair<Point, std::vector<double>>> seen_;  ///< Points of minibatches, in the order first drawn.
  std::vector<Point> measured_;
  std::vector<MiproTrial> log_;
};

}  // namespace

std::vector<std::size_t> minibatch_of(std::size_t rows, std::size_t size, PythonRandom& random) {
  return random.sample(rows, std::min(size, rows));
}

std::size_t trials_for(std::size_t predictors, bool is_zero_shot, std::size_t candidates) {
  const auto variables = static_cast<double>(is_zero_shot ? predictors : 2 * predictors);
  const auto count = static_cast<double>(candidates);
  return static_cast<std::size_t>(std::max(2 * variables * std::log2(count), 1.5 * count));
}

std::vector<MiproTrial> search_combinations(Search& search, const Program& student, const MiproSpace& space,
                                            const std::vector<Example>& valset, const MiproTrials& trials,
                                            PythonRandom& random) {
  return Trials(search, student, space, valset, trials, random).run();
}

}  // namespace dspy::optimize
