#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/optimize/kernel/backend.hpp"
#include "dspy/optimize/kernel/ledger.hpp"
#include "dspy/optimize/kernel/report.hpp"
#include "dspy/optimize/kernel/rollout.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/example.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

// The kernel of all optimizers: it runs programs on examples, records the results, counts the cost, and picks the best
// measured candidate.  An optimizer says what to try next.

namespace dspy::optimize {

/// How a search runs, whatever the optimizer.  None of it changes what is found, but for the limits.
struct SearchOptions {
  std::size_t concurrency = 32;  ///< Runs of the program under way at most.  At least 1.
  Ledger::Limits limits = {};
  /// The file that an interrupted run resumes from: no request is paid for twice.  Empty: none.
  std::filesystem::path checkpoint = {};
  bool is_durable = false;    ///< Each line of the checkpoint outlasts a power cut too, at the price of waiting for it.
  std::stop_token stop = {};  ///< Asked to stop, the search returns the best so far; what is under way is finished.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};  ///< The same.
  int attempts = 12;  ///< Of a request to a model that cannot be reached, before the search ends.
  std::chrono::milliseconds retry_delay{50};  ///< Before the second attempt; doubled for each after it, up to 2 s.
  double failure_score = 0;                   ///< Of an example on which the program fails.
  /// What is taken off a score for what a run costs, on average.  Candidates are compared by what is left.
  struct Price {
    double per_1000_tokens = 0;  ///< Of prompts and replies; a model that does not count them is an error.
    double per_second = 0;       ///< Of a run.  Times are not the same in every run of the search.
    bool is_free() const noexcept { return per_1000_tokens == 0 && per_second == 0; }
  };
  Price price = {};
  /// Requests without a seed get one derived from the run, so that sampled answers can be reproduced.
  bool seeds_requests = true;
  std::function<void(const Event& event)> on_event = {};
  /// Counts what is used together with other searches, instead of `limits`.
  std::shared_ptr<Ledger> ledger = {};
  /// Makes the runs of the student, with whatever prompts; null: this process does.  Questions of the optimizer,
  /// metrics and runs with another model stay here.  Not with `limits.requests`, nor with a teacher program.
  std::shared_ptr<RolloutBackend> backend = {};
};

/// An optimizer's inputs besides the program.
struct Training {
  std::vector<Example> trainset;
  std::vector<Example> valset = {};     ///< What candidates are measured on; each optimizer says what it does without.
  std::optional<Program> teacher = {};  ///< Makes the demonstrations; else the student does.
  SearchOptions search = {};
};

/// A run to be made.  The program and the example outlive it.
struct Job {
  const Program* program = nullptr;
  const Example* example = nullptr;
  Draw draw = {};
  bool for_demonstration = false;  ///< As passed to the metric.
  std::string predictor = {};      ///< Whose part the metric's feedback is for.
  std::string variant = {};        ///< What of the program its prompts do not say, such as how it chooses them.
};

struct Outcome {
  std::shared_ptr<const Rollout> rollout = {};
  Score score = {};                                ///< The failure score where the program or the metric failed.
  std::optional<std::string> metric_failure = {};  ///< Why the metric failed.
  bool is_scored() const noexcept { return !rollout->failure && !metric_failure; }
};

/// A program that is tried.
struct Candidate {
  Program program;
  std::string origin;
  std::vector<std::size_t> parents = {};
  std::size_t prompt_size = 0;
  std::optional<double> score = {};
  std::optional<double> value = {};    ///< The score without the price of a run.
  std::optional<double> tokens = {};   ///< Of a run, on average, if they are known.
  std::optional<double> seconds = {};  ///< Of a run, on average.
  std::vector<double> row_scores = {};
  /// The metric's aims by example; nothing where the example failed.
  std::vector<std::optional<std::map<std::string, double>>> row_objectives = {};
  std::vector<double> minibatch_scores = {};
  std::string variant = {};  ///< As in a job.
};

/// A question to a model that helps to search, such as for a better instruction.
struct Inquiry {
  Predictor predictor;
  JsonObject inputs;
  Draw draw = {};
};

/// One run of an optimizer.  For one thread; its program runs are concurrent.
class Search {
 public:
  /// Throws `Error`: `config_error` for a program without predictors or a metric that is not set,
  /// `invalid_parameter` for an empty training set or options out of range, and what opening the checkpoint throws.
  Search(std::string optimizer, JsonObject options, const Program& student, Metric metric, const Training& training);
  ~Search();
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  const Metric& metric() const noexcept;
  Report& report() noexcept;
  const std::vector<Candidate>& candidates() const noexcept;

  /// Returns its number.
  std::size_t add(Program program, std::string origin, std::vector<std::size_t> parents = {}, std::string variant = {});

  /// Runs what is not known yet; the outcomes have the order of the jobs.
  std::vector<Outcome> run(std::span<const Job> jobs);
  std::vector<Outcome> run(const Program& program, std::span<const Example> examples, Draw draw = {});

  /// The candidate's score on all of `examples` without the price of a run; candidates are compared by it.  Throws
  /// `Error` (`bad_input`) if the metric fails on every example, or the program for the same bad input.
  double evaluate(std::size_t candidate, std::span<const Example> examples);
  /// Runs several candidates on `examples` in one stream of calls, before they are evaluated one by one.  With limits
  /// it does nothing, so that what is measured within them does not depend on the order of calls.
  void run_ahead(std::span<const std::size_t> candidates, std::span<const Example> examples);
  /// Evaluates all of `candidates` in one stream of calls, but stops each that is no longer likely to be as good as the
  /// best one measured before: `alpha` is the probability that any candidate is stopped that is as good (`Race`).  Rows
  /// are taken in an order drawn for each candidate.  With a metric whose scores leave 0 to 1, a price or limits none
  /// is stopped.
  void race(std::span<const std::size_t> candidates, std::span<const Example> examples, double alpha);
  /// How likely the program's model finds the right outputs of `examples` under each candidate's prompts: the mean of
  /// the logarithms by token.  Costs one reading of each prompt, and no reply.  Nothing if it cannot be computed, with
  /// a note that says why: more predictors than one, outputs that the examples do not have, an LM that is not a
  /// `LikelihoodLM`.
  std::optional<std::vector<double>> likelihoods(std::span<const std::size_t> candidates,
                                                 std::span<const Example> examples);
  /// As `evaluate`, on some of the examples.
  double evaluate_some(std::size_t candidate, std::span<const Example> examples, std::span<const std::size_t> rows);
  /// Tells what was measured by `run`, on all examples in their order.
  void measured(std::size_t candidate, std::span<const Outcome> outcomes);

  /// Answers in the order of the questions; nothing for one whose reply could not be read.
  std::vector<std::optional<Prediction>> ask(std::vector<Inquiry> questions);
  std::optional<Prediction> ask(Inquiry question);

  void note(std::string text);
  void tell(Event event);

  /// The best candidate measured in full: ties go to the shorter prompt, then to the earlier one.
  std::optional<std::size_t> best() const;

  /// Runs `steps` and returns the best candidate.  A search that has to end early (limits, stop, deadline, a model that
  /// cannot be reached) returns the best so far and says why; it throws `Error` only if there is none.
  Optimized complete(const std::function<void()>& steps);
  /// Returned whatever the scores are.
  void choose(std::size_t candidate);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// 100 times a mean, to two places, as Python DSPy rounds scores.
double percent(double mean);

}  // namespace dspy::optimize
