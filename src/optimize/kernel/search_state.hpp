#pragma once

#include "dspy/optimize/kernel/search.hpp"
#include "optimize/kernel/fault.hpp"
#include "optimize/kernel/recorded_lm.hpp"
#include "optimize/kernel/records/score_record.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace dspy::optimize {

class Search::State {
 public:
  State(Metric metric_given, const SearchOptions& with) : metric(std::move(metric_given)), options(with) {}

  Metric metric;
  SearchOptions options;
  Report report = {};
  std::vector<Candidate> candidates = {};
  std::optional<std::size_t> chosen = {};
  std::shared_ptr<Book> book = std::make_shared<Book>();
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  std::unordered_map<std::string, std::shared_ptr<const Rollout>> rollouts = {};
  std::unordered_map<std::string, ScoreRecord> scores = {};
  std::unordered_set<std::string> unpaid = {};  ///< Runs of the checkpoint that this search has not come to yet.
  std::optional<Program> student = {};          ///< Where a backend has it too.
  std::unordered_map<std::string, bool> elsewhere = {};  ///< Whether a backend can run it, by digest.
  std::size_t questions = 0;                             ///< Asked so far.

  /// Why no new run may begin; set by the first that could not be made.
  std::optional<Halt> halt = {};

  void load_checkpoint(const JsonObject& run);
  void write(const JsonObject& record) const;
  /// Counts what a run of the checkpoint took, when the search comes to it.
  void pay_for(const std::string& run_key);
  /// Throws if the search was asked to stop, or is out of time.
  void require_time() const;
  void halt_by(const Error& error);

  /// Whether others can make its runs: a file makes it of the student, models included.
  bool may_run_elsewhere(const Program& program);
  void count_elsewhere(const Usage& usage) const;

  Async<void> roll_out(const Program& program, const Example& example, Draw draw, std::string key, bool is_elsewhere);
  Async<void> score(const Job& job, std::string run_key, std::string key);
  /// What came of a run and its score, both of which were made.
  Outcome outcome_of(const std::string& run_key, const std::string& score_key) const;
};

}  // namespace dspy::optimize
