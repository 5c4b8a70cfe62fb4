#include "optimize/gepa/evolution.hpp"

#include "optimize/demos.hpp"
#include "optimize/gepa/front.hpp"
#include "optimize/gepa/merge.hpp"
#include "optimize/kernel/worth.hpp"
#include "optimize/proposing/instruction_proposer.hpp"
#include "optimize/proposing/proposing.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <numeric>
#include <utility>

namespace dspy::optimize {
namespace {

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

JsonArray to_json(const auto& values) {
  JsonArray out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

/// Thrown, and caught below, where what is left of the budget is too little for what comes next.
struct BudgetSpent {};

class Evolution {
 public:
  Evolution(Search& search, const GepaOptions& options, const Program& student, const std::vector<Example>& train,
            const std::vector<Example>& val, std::size_t budget, double failure_score)
      : search_(search),
        options_(options),
        student_(student),
        paths_(paths_of(student)),
        train_(train),
        val_(val),
        budget_(budget),
        random_(options.seed),
        sampler_(train.size(), options.reflection_minibatch_size, random_),
        merger_(random_),
        front_(options.frontier, failure_score) {}

  void run() {
    bool is_spent = false;
    try {
      Individual first;
      for (const auto& path : paths_)
        first.instructions.push_back(predictor_at(student_, path).signature().instructions);
      join(std::move(first), "the program as it was");
      std::size_t idle = 0;
      for (std::size_t iteration = 0; calls_ < budget_; ++iteration) {
        const auto before = calls_;
        step(iteration);
        // Where nothing is run any more, nothing more can be found.
        idle = calls_ == before ? idle + 1 : 0;
        if (idle > 2 * programs_.size() + 10) break;
      }
    } catch (const BudgetSpent&) {
      is_spent = true;  // what comes next would go beyond it
    }
    auto& details = search_.report().details;
    details["metric_calls"] = calls_;
    details["budget"] = budget_;
    details["is_spent"] = is_spent;
    front_.tell(details);
    details["iterations"] = std::move(log_);
  }

 private:
  Program program_of(const std::vector<std::string>& instructions) const {
    auto program = student_;
    for (std::size_t i = 0; i < paths_.size(); ++i)
      program = with_instructions(std::move(program), paths_[i], instructions[i]);
    return program;
  }

  void take(std::size_t count) {
    if (calls_ + count > budget_) throw BudgetSpent();
    calls_ += count;
  }

  /// Measures a program in full and adds it to the evolution.
  void join(Individual individual, std::string origin) {
    take(val_.size());
    std::vector<std::size_t> parents;
    for (const auto parent : individual.parents) parents.push_back(numbers_[parent]);
    const auto number = search_.add(program_of(individual.instructions), std::move(origin), std::move(parents));
    search_.evaluate(number, val_);
    const auto& measured = search_.candidates()[number];
    individual.row_scores = measured.row_scores;
    front_.add(measured.row_scores, measured.row_objectives);
    programs_.push_back(std::move(individual));
    numbers_.push_back(number);
  }

  void step(std::size_t iteration) {
    JsonObject entry = {{"iteration", iteration + 1}};
    if (std::exchange(has_grown_, false) && options_.use_merge && merges_due_ > 0 && merge(entry)) {
      entry["metric_calls"] = calls_;
      log_.emplace_back(std::move(entry));
      return;
    }
    mutate(iteration, entry);
    entry["metric_calls"] = calls_;
    log_.emplace_back(std::move(entry));
  }

  /// False if there was nothing to merge.
  bool merge(JsonObject& entry) {
    auto found = merger_.find(programs_, front_);
    if (!found) return false;
    const auto& a = programs_[found->parents[0]];
    const auto& b = programs_[found->parents[1]];
    const auto rows = merger_.rows_for(a.row_scores, b.row_scores);
    take(rows.size());
    const auto program = program_of(found->instructions);
    std::vector<Job> jobs;
    double sum_a = 0;
    double sum_b = 0;
    for (const auto row : rows) {
      jobs.push_back({.program = &program, .example = &val_[row]});
      sum_a += a.row_scores[row];
      sum_b += b.row_scores[row];
    }
    const auto scores = scores_of(search_.run(jobs));
    entry["merge_of"] = to_json(found->parents);
    entry["merge_ancestor"] = found->ancestor;
    entry["merge_subsample"] = to_json(rows);
    entry["merge_scores"] = to_json(scores);
    const bool is_accepted = sum_of(scores) >= std::max(sum_a, sum_b);
    entry["merge_accepted"] = is_accepted;
    if (!is_accepted) return true;
    const auto turn = std::max(a.next_component, b.next_component);
    join({.instructions = std::move(found->instructions),
          .parents = {found->parents[0], found->parents[1]},
          .next_component = turn},
         "a merge");
    entry["accepted"] = programs_.size() - 1;  // the next iteration reflects
    --merges_due_;
    ++merges_;
    return true;
  }

  void grown(JsonObject& entry) {
    has_grown_ = true;
    if (options_.use_merge && merges_ < options_.max_merge_invocations) ++merges_due_;
    entry["accepted"] = programs_.size() - 1;
  }

  void mutate(std::size_t iteration, JsonObject& entry) {
    const auto parent =
        options_.candidate_selection == GepaOptions::Selection::pareto ? front_.draw(random_) : front_.best();
    const auto rows = sampler_.minibatch(iteration);
    entry["selected"] = parent;
    entry["minibatch"] = to_json(rows);
    const auto program = program_of(programs_[parent].instructions);
    const auto outcomes = run(program, rows, {});
    const auto before = scores_of(outcomes);
    entry["parent_scores"] = to_json(before);
    if (std::ranges::none_of(outcomes, &Outcome::is_scored) && !options_.add_format_failure_as_feedback) {
      entry["skipped"] = "no example could be run";
      return;
    }
    if (options_.skip_perfect_score &&
        std::ranges::all_of(before, [&](double score) { return score >= options_.perfect_score; })) {
      entry["skipped"] = "all went well";
      return;
    }
    auto child = programs_[parent].instructions;
    const auto components = choose_components(parent);
    JsonArray changed;
    for (const auto component : components) {
      auto proposal = propose(component, child[component], program, rows);
      if (proposal.empty() || proposal == child[component]) continue;
      child[component] = std::move(proposal);
      changed.emplace_back(paths_[component]);
    }
    entry["components"] = changed;
    if (changed.empty()) return;
    const auto after = scores_of(run(program_of(child), rows, {}));
    entry["child_scores"] = to_json(after);
    const auto names = to_text(changed);
    if (sum_of(after) <= sum_of(before)) {
      const auto number =
          search_.add(program_of(child), std::format("reflection on {}, not better", names), {numbers_[parent]});
      search_.tell({.kind = Event::Kind::minibatch,
                    .candidate = number,
                    .score = sum_of(after) / static_cast<double>(after.size()),
                    .text = "not better than its parent on the same examples"});
      return;
    }
    join({.instructions = std::move(child), .parents = {parent}, .next_component = programs_[parent].next_component},
         std::format("reflection on {}", names));
    grown(entry);
  }

  std::vector<Outcome> run(const Program& program, const std::vector<std::size_t>& rows, const std::string& predictor) {
    if (predictor.empty()) take(rows.size());
    std::vector<Job> jobs;
    for (const auto row : rows) jobs.push_back({.program = &program, .example = &train_[row], .predictor = predictor});
    return search_.run(jobs);
  }

  std::vector<std::size_t> choose_components(std::size_t parent) {
    std::vector<std::size_t> all(paths_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    if (options_.component_selector == GepaOptions::Components::all) return all;
    auto& turn = programs_[parent].next_component;
    const auto chosen = turn;
    turn = (turn + 1) % paths_.size();
    return {chosen};
  }

  std::string propose(std::size_t component, const std::string& current, const Program& program,
                      const std::vector<std::size_t>& rows) {
    Reflection reflection{.predictor = paths_[component], .current_instruction = current};
    const auto outcomes = run(program, rows, paths_[component]);
    for (std::size_t i = 0; i < rows.size(); ++i) add_example(reflection, outcomes[i], rows[i]);
    if (reflection.examples.empty()) return {};
    auto proposal = options_.instruction_proposer
                        ? options_.instruction_proposer(reflection)
                        : propose_instruction(search_, student_, reflection, options_.reflection_lm, options_.proposer,
                                              ++proposals_);
    if (!proposal.empty()) search_.tell({.kind = Event::Kind::proposed, .text = proposal});
    return proposal;
  }

  void add_example(Reflection& reflection, const Outcome& outcome, std::size_t row) {
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

  Search& search_;
  const GepaOptions& options_;
  const Program& student_;
  std::vector<std::string> paths_;
  const std::vector<Example>& train_;
  const std::vector<Example>& val_;
  std::size_t budget_;
  std::size_t calls_ = 0;
  PythonRandom random_;
  PythonRandom traces_{0};
  EpochSampler sampler_;
  Merger merger_;
  ParetoFront front_;
  std::vector<Individual> programs_;
  std::vector<std::size_t> numbers_;  ///< As candidates of the search.
  bool has_grown_ = false;
  std::size_t merges_due_ = 0;
  std::size_t merges_ = 0;
  std::uint64_t proposals_ = 0;
  JsonArray log_;
};

}  // namespace

void evolve(Search& search, const GepaOptions& options, const Program& student, const std::vector<Example>& train,
            const std::vector<Example>& val, std::size_t budget, double failure_score) {
  Evolution(search, options, student, train, val, budget, failure_score).run();
}

}  // namespace dspy::optimize
