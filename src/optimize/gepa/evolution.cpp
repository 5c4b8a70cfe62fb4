#include "optimize/gepa/evolution.hpp"

#include "optimize/demos.hpp"
#include "optimize/gepa/front.hpp"
#include "optimize/gepa/merge.hpp"
#include "optimize/gepa/reflecting.hpp"
#include "optimize/kernel/worth.hpp"
#include "optimize/proposing/proposing.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

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
        reflecting_(search, options, student, paths_, train),
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
    if (std::exchange(has_grown_, false) && options_.use_merge && merges_due_ > 0 && merge(entry)) return log(entry);
    auto attempts = begin(iteration);
    run_parents(attempts);
    for (auto& attempt : attempts) {
      if (!reflecting_.is_instructive(attempt)) continue;
      attempt.child = programs_[attempt.parent].instructions;
      attempt.components = choose_components(attempt.parent);
    }
    reflecting_.propose(attempts);
    run_children(attempts);
    for (auto& attempt : attempts) {
      settle(attempt);
      log(attempt.entry);
    }
  }

  void log(JsonObject& entry) {
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

  /// As many as are changed at a time, or as the budget allows.
  std::vector<Attempt> begin(std::size_t iteration) {
    std::vector<Attempt> out;
    for (std::size_t k = 0; k < options_.num_parallel_proposals; ++k) {
      if (k > 0 && calls_ + 2 * options_.reflection_minibatch_size > budget_) break;
      const auto parent =
          options_.candidate_selection == GepaOptions::Selection::pareto ? front_.draw(random_) : front_.best();
      auto rows = sampler_.minibatch(iteration + more_batches_ + k);
      take(rows.size());
      JsonObject entry = {{"iteration", iteration + 1}, {"selected", parent}, {"minibatch", to_json(rows)}};
      out.push_back({.parent = parent,
                     .rows = std::move(rows),
                     .program = program_of(programs_[parent].instructions),
                     .entry = std::move(entry)});
    }
    more_batches_ += out.size() - 1;
    return out;
  }

  /// Runs one program of each attempt on its rows, all in one stream of calls.
  std::vector<std::vector<Outcome>> run_each(const std::vector<Attempt*>& attempts,
                                             const std::vector<Program>& programs) {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      for (const auto row : attempts[i]->rows) jobs.push_back({.program = &programs[i], .example = &train_[row]});
    }
    auto all = search_.run(jobs);
    std::vector<std::vector<Outcome>> out;
    auto next = all.begin();
    for (const auto* const attempt : attempts) {
      const auto end = next + static_cast<std::ptrdiff_t>(attempt->rows.size());
      out.emplace_back(std::make_move_iterator(next), std::make_move_iterator(end));
      next = end;
    }
    return out;
  }

  void run_parents(std::vector<Attempt>& attempts) {
    std::vector<Attempt*> all;
    std::vector<Program> programs;
    for (auto& each : attempts) {
      all.push_back(&each);
      programs.push_back(each.program);
    }
    auto outcomes = run_each(all, programs);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i]->outcomes = std::move(outcomes[i]);
      all[i]->before = scores_of(all[i]->outcomes);
      all[i]->entry["parent_scores"] = to_json(all[i]->before);
    }
  }

  void run_children(std::vector<Attempt>& attempts) {
    std::vector<Attempt*> all;
    std::vector<Program> programs;
    for (auto& each : attempts) {
      if (each.changed.empty()) continue;
      if (!all.empty() && calls_ + each.rows.size() > budget_) {
        each.entry["skipped"] = "the budget is spent";
        continue;
      }
      take(each.rows.size());
      all.push_back(&each);
      programs.push_back(program_of(each.child));
    }
    auto outcomes = run_each(all, programs);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i]->after = scores_of(outcomes[i]);
      all[i]->entry["child_scores"] = to_json(all[i]->after);
    }
  }

  /// A child that does better than its parent on the same examples joins.
  void settle(Attempt& attempt) {
    if (attempt.after.empty()) return;
    const auto names = to_text(attempt.changed);
    if (sum_of(attempt.after) <= sum_of(attempt.before)) {
      const auto number = search_.add(program_of(attempt.child), std::format("reflection on {}, not better", names),
                                      {numbers_[attempt.parent]});
      search_.tell({.kind = Event::Kind::minibatch,
                    .candidate = number,
                    .score = sum_of(attempt.after) / static_cast<double>(attempt.after.size()),
                    .text = "not better than its parent on the same examples"});
      return;
    }
    join({.instructions = std::move(attempt.child),
          .parents = {attempt.parent},
          .next_component = programs_[attempt.parent].next_component},
         std::format("reflection on {}", names));
    grown(attempt.entry);
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

  Search& search_;
  const GepaOptions& options_;
  const Program& student_;
  std::vector<std::string> paths_;
  const std::vector<Example>& train_;
  const std::vector<Example>& val_;
  std::size_t budget_;
  std::size_t calls_ = 0;
  PythonRandom random_;
  Reflecting reflecting_;
  EpochSampler sampler_;
  Merger merger_;
  ParetoFront front_;
  std::vector<Individual> programs_;
  std::vector<std::size_t> numbers_;  ///< As candidates of the search.
  bool has_grown_ = false;
  std::size_t merges_due_ = 0;
  std::size_t merges_ = 0;
  std::size_t more_batches_ = 0;  ///< Minibatches beyond one an iteration.
  JsonArray log_;
};

}  // namespace

void evolve(Search& search, const GepaOptions& options, const Program& student, const std::vector<Example>& train,
            const std::vector<Example>& val, std::size_t budget, double failure_score) {
  Evolution(search, options, student, train, val, budget, failure_score).run();
}

}  // namespace dspy::optimize
