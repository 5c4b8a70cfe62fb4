#include "dspy/evaluate/evaluate.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/trace_steps.hpp"
#include "dspy/modules/traversal.hpp"
#include "evaluate/checkpoint.hpp"
#include "evaluate/evaluation.hpp"

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

Error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {Errc::inference_failed, error.what()};
  }
}

/// Runs the program on one example.
Async<void> run_row(const Program& program, const EvaluateOptions& options, EvaluatedRow& row) {
  const bool is_traced = options.keeps_traces || options.metric.needs_trace();
  const auto recorder = is_traced ? std::make_shared<TraceSteps>() : nullptr;
  const auto begun = Clock::real().now();
  try {
    const Run how{.options = options.call};
    if (recorder) {
      const auto watched = traced(program, recorder);
      row.prediction = co_await watched.run(row.example.inputs(), how);
    } else {
      row.prediction = co_await program.run(row.example.inputs(), how);
    }
    row.usage = row.prediction.lm_usage;
  } catch (const std::exception&) {
    row.error = error_of(std::current_exception());
    row.usage = row.error->info().usage;
  }
  if (recorder) row.trace = recorder->take();
  row.seconds = std::chrono::duration<double>(Clock::real().now() - begun).count();
}

MetricInput input_of(const EvaluatedRow& row, const Metric& metric, bool keeps_traces) {
  return {.example = row.example,
          .prediction = row.prediction,
          .trace = keeps_traces || metric.needs_trace() ? &row.trace : nullptr};
}

/// Measures one row; what the metric throws becomes its error.
Async<void> measure(const EvaluateOptions& options, EvaluatedRow& row) {
  try {
    row.score = co_await options.metric.ascore(input_of(row, options.metric, options.keeps_traces));
  } catch (const std::exception&) {
    row.error = error_of(std::current_exception());
    row.metric_failed = true;
  }
}

/// Measures rows together, or one by one where that fails, so that one row fails alone.
Async<void> measure_all(const EvaluateOptions& options, std::vector<EvaluatedRow*> rows) {
  std::vector<MetricInput> inputs;
  inputs.reserve(rows.size());
  for (const auto* const row : rows) inputs.push_back(input_of(*row, options.metric, options.keeps_traces));
  bool is_done = true;
  try {
    auto scores = co_await options.metric.ascore_all(std::move(inputs));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i]->score = std::move(scores[i]);
  } catch (const std::exception&) {
    is_done = false;
  }
  if (is_done) co_return;
  for (auto* const row : rows) co_await measure(options, *row);
}

/// The whole evaluation; the arguments live in this coroutine's frame.
Async<EvaluationResult> run_evaluation(Program program, std::vector<Example> examples, EvaluateOptions options) {
  validate(options, examples);
  const auto counter = std::make_shared<Budget>(Budget::Limits{});
  auto context = options.context;
  context.budget = context.budget ? std::make_shared<Budget>(context.budget, counter) : counter;
  const auto header = options.checkpoint.empty() ? JsonObject() : checkpoint_header(program, examples, options);
  program = with_context(std::move(program), context);

  Evaluation evaluation(std::move(examples), options, Clock::real());
  std::optional<Checkpoint> checkpoint;
  if (!options.checkpoint.empty()) {
    checkpoint.emplace(options.checkpoint, header, options.checkpoint_sync, Clock::real());
    evaluation.resume(checkpoint->rows());
  }
  const auto finish = [&](EvaluatedRow& row) {
    evaluation.finish(row, counter->used());
    if (checkpoint && row.is_done) evaluation.keep(*checkpoint, row);
    if (options.progress && row.is_done) options.progress(evaluation.progress());
  };
  std::vector<EvaluatedRow*> unmeasured;
  const auto todo = evaluation.todo();
  co_await run_concurrently(todo.size(), options.concurrency, [&](std::size_t i) -> Async<void> {
    auto& row = evaluation.row(todo[i]);
    if (!evaluation.may_begin()) co_return;
    co_await run_row(program, options, row);
    if (row.error || !options.metric.is_batched()) {
      if (!row.error) co_await measure(options, row);
      finish(row);
      co_return;
    }
    unmeasured.push_back(&row);
    if (unmeasured.size() < options.batch_size) co_return;
    const auto batch = std::exchange(unmeasured, {});
    co_await measure_all(options, batch);
    for (auto* const each : batch) finish(*each);
  });
  if (!unmeasured.empty()) {
    co_await measure_all(options, unmeasured);
    for (auto* const each : unmeasured) finish(*each);
  }
  if (checkpoint) evaluation.sync(*checkpoint);
  co_return std::move(evaluation).result(counter->used());
}

}  // namespace

void EvaluationResult::require_complete() const {
  if (stopped) throw *stopped;
  if (done != rows.size())
    throw Error(Errc::cancelled, "the evaluation was stopped before all examples were run; run it again");
}

EvaluationResult Evaluate::operator()(const Program& program, const std::vector<Example>& examples) const {
  return wait(run_evaluation(program, examples, options_));
}

Async<EvaluationResult> aevaluate(Program program, std::vector<Example> examples, EvaluateOptions options) {
  return run_evaluation(std::move(program), std::move(examples), std::move(options));
}

}  // namespace dspy
