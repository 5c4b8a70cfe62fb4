#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/evaluate/statistics.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// How far an evaluation has come.
struct EvaluationProgress {
  std::size_t done = 0;  ///< Examples that ended, well or not.
  std::size_t total = 0;
  std::size_t failures = 0;
  double score = 0;                         ///< Of those done, in percent.
  double seconds = 0;                       ///< Since it began.
  std::optional<double> seconds_left = {};  ///< At the rate so far; unknown before the first has ended.
  Usage usage = {};
};

/// `37/200 · 81.08 % · 2 failed · 12.4/s · 13 s left · 5120 tokens`, for a terminal's last line.
std::string to_line(const EvaluationProgress& progress);

/// When a checkpoint is known to be on the disk.
enum class CheckpointSync {
  interval,  ///< At least once a second, and at the end: a power cut loses a second's rows, a killed process none.
  each_row,  ///< After each row.
  never,     ///< As the system likes; a killed process loses none.
};

struct EvaluateOptions {
  Metric metric = {};
  std::size_t concurrency = 32;  ///< Examples under way at most.  At least 1.
  double failure_score = 0;      ///< Of an example whose program or metric fails.
  /// After this many failed examples, no more are started.  Unset: all are run.
  std::optional<std::size_t> max_errors = {};
  /// Deadline, stop, budget and trace of the whole evaluation.  One that is over ends it; it fails no example.
  CallContext context = {};
  CallOptions call = {};         ///< For each run of the program.
  bool keeps_traces = false;     ///< Rows get the calls that led to them, and the metric sees them.
  bool orders_by_inputs = true;  ///< Examples that begin alike are run one after the other; rows keep their order.
  std::size_t batch_size = 32;   ///< Of a batched metric's calls.
  /// A file of finished rows (docs/formats/evaluation.md): rows in it are not run again, new ones are added.  A file of
  /// another program, metric or dataset is an error.  Empty: none.
  std::filesystem::path checkpoint = {};
  CheckpointSync checkpoint_sync = CheckpointSync::interval;
  /// Told after each example; calls do not overlap.
  std::function<void(const EvaluationProgress& progress)> progress = {};
  double confidence = 0.95;  ///< Of the interval around the score.
};

/// One example of an evaluation.
struct EvaluatedRow {
  std::size_t index = 0;  ///< In the dataset, from 0.
  Example example = {};
  Prediction prediction = {};         ///< Empty if the program failed.
  std::optional<Error> error = {};    ///< Why there is no score of its own.
  bool metric_failed = false;         ///< The program did not: the metric did.
  bool is_done = false;               ///< False for one that was never started, or was interrupted: it is not counted.
  Score score = {};                   ///< `failure_score` if it failed.
  std::vector<TraceStep> trace = {};  ///< If `keeps_traces`.
  Usage usage = {};
  double seconds = 0;
  bool was_resumed = false;  ///< It comes from the checkpoint.
};

/// What an evaluation found.
struct EvaluationResult {
  double score = 0;  ///< In percent, to two places: the mean over the rows that are done.
  double mean = 0;   ///< The same, exact, from 0 to 1 for a metric of that range.
  /// Where the score of the whole population lies, in percent: Wilson's for scores of 0 and 1, else a bootstrap of the
  /// mean.  Absent for fewer than two rows.
  std::optional<Interval> interval = {};
  double confidence = 0.95;
  std::string metric = {};
  std::vector<EvaluatedRow> rows = {};  ///< In the dataset's order, one for each example.
  std::size_t done = 0;
  std::size_t failures = 0;
  Usage usage = {};    ///< Of this run; rows from a checkpoint are not asked again.
  double seconds = 0;  ///< Of this run.
  /// Why not all examples were run: too many errors, a deadline, a budget, a stop.  `score` is then of a part.
  std::optional<Error> stopped = {};

  bool is_complete() const noexcept { return !stopped && done == rows.size(); }
  /// Throws the reason if not all examples were run.
  void require_complete() const;
};

/// Runs `program` on each of `examples` concurrently, and scores its answers.  A failing one does not affect the
/// others: it gets the failure score and keeps its error.
///
/// Throws `Error` (`invalid_parameter`) for an empty dataset or options out of range, (`bad_input`) for an example
/// without inputs, (`io_error`, `config_error`) for a checkpoint that cannot be used.
///
///     const auto result = Evaluate({.metric = metrics::exact_match("answer")})(program, examples);
class Evaluate {
 public:
  explicit Evaluate(EvaluateOptions options) : options_(std::move(options)) {}

  EvaluationResult operator()(const Program& program, const std::vector<Example>& examples) const;

  const EvaluateOptions& options() const noexcept { return options_; }

 private:
  EvaluateOptions options_;
};

/// The same for coroutines.
Async<EvaluationResult> aevaluate(Program program, std::vector<Example> examples, EvaluateOptions options);

}  // namespace dspy
