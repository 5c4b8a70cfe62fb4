#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/trace_steps.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <concepts>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dspy {

/// How good a prediction is, and what a reader (or an optimizer that reads) should know about it.
struct Score {
  double value = 0;           ///< The more the better; 0 to 1 by custom.
  std::string feedback = {};  ///< In words: what was wrong, what was right.
  /// Further aims by name, for optimizers that look at several.
  std::map<std::string, double> objectives = {};

  bool operator==(const Score&) const = default;
};

/// What a metric looks at.  The parts outlive the metric's call.
struct MetricInput {
  const Example& example;
  const Prediction& prediction;
  const std::vector<TraceStep>* trace = nullptr;  ///< The calls that led to it, oldest first; null if not recorded.
  std::string_view predictor = {};                ///< Whose part the feedback is for; empty: the whole program's.
  /// The score decides whether the run becomes a demonstration: a metric may be stricter, and say 1 or 0.
  bool for_demonstration = false;
};

/// A score from a program's own output `score`, such as that of a judge; `feedback` becomes the feedback.  Throws
/// `Error` (`bad_input`) without a number `score`.
Score score_of(const Prediction& prediction);

namespace detail {

template <class T>
Score to_score(T result) {
  if constexpr (std::same_as<T, Score>) {
    return result;
  } else if constexpr (std::same_as<T, Prediction>) {
    return score_of(result);
  } else if constexpr (std::same_as<T, bool>) {
    return {.value = result ? 1.0 : 0.0};
  } else {
    static_assert(std::is_arithmetic_v<T>, "a metric returns a number, a bool, a Score or a Prediction, or an Async");
    return {.value = static_cast<double>(result)};
  }
}

template <class T>
struct AsyncResult {
  static constexpr bool is_async = false;
};
template <class T>
struct AsyncResult<Async<T>> {
  static constexpr bool is_async = true;
};

template <class T>
Async<Score> await_score(Async<T> pending) {
  co_return to_score(co_await std::move(pending));
}

/// Takes what a metric may take.
template <class F>
decltype(auto) call_metric(const F& metric, const MetricInput& input) {
  if constexpr (std::invocable<const F&, const MetricInput&>) {
    return metric(input);
  } else if constexpr (std::invocable<const F&, const Example&, const Prediction&, const std::vector<TraceStep>*>) {
    return metric(input.example, input.prediction, input.trace);
  } else {
    return metric(input.example, input.prediction);
  }
}

template <class F>
concept BatchMetric = requires(const F& metric, std::span<const MetricInput> inputs) {
  { metric(inputs) } -> std::convertible_to<std::vector<Score>>;
};
template <class F>
concept TraceMetric = std::invocable<const F&, const Example&, const Prediction&, const std::vector<TraceStep>*>;
template <class F>
concept RowMetric = std::invocable<const F&, const MetricInput&> || TraceMetric<F> ||
                    std::invocable<const F&, const Example&, const Prediction&>;

}  // namespace detail

/// What predictions are measured by: any callable that takes
///
///     (const Example&, const Prediction&)
///     (const Example&, const Prediction&, const std::vector<TraceStep>* trace)
///     (const MetricInput&)
///
/// and returns a number, a bool, a `Score`, or a `Prediction` with a number `score`, or an `Async` of one of them; or
/// one that takes `std::span<const MetricInput>` and returns a `std::vector<Score>`, a score for each.
///
/// A value.  Calls may overlap from any thread, so the callable must allow that.
///
///     Metric exact("exact", [](const Example& gold, const Prediction& made) { return *gold.get("answer") ==
///     made.at("answer"); });
class Metric {
 public:
  Metric() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Metric> && (detail::RowMetric<F> || detail::BatchMetric<F>))
  Metric(F metric) : Metric("metric", std::move(metric)) {}  // NOLINT(google-explicit-constructor): a metric is one
  template <class F>
    requires(detail::RowMetric<F> || detail::BatchMetric<F>)
  Metric(std::string name, F metric) : name_(std::move(name)) {
    if constexpr (detail::RowMetric<F>) {
      needs_trace_ = detail::TraceMetric<F> && !std::invocable<const F&, const Example&, const Prediction&>;
      one_ = [metric = std::move(metric)](const MetricInput& input) -> Async<Score> {
        using Result = std::remove_cvref_t<decltype(detail::call_metric(metric, input))>;
        if constexpr (detail::AsyncResult<Result>::is_async) {
          return detail::await_score(detail::call_metric(metric, input));
        } else {
          return now(detail::to_score(detail::call_metric(metric, input)));
        }
      };
    } else {
      all_ = std::move(metric);
    }
  }

  /// What it is called in reports and messages.
  const std::string& name() const noexcept { return name_; }
  bool is_set() const noexcept { return one_ || all_; }
  /// It measures many predictions in one call, best a good number of them.
  bool is_batched() const noexcept { return static_cast<bool>(all_); }
  /// It takes the calls of the run.
  bool needs_trace() const noexcept { return needs_trace_; }

  /// Measures one prediction.  Throws what the callable throws, and `Error` (`bad_input`) for a score that is not a
  /// finite number, (`config_error`) if there is no metric.
  Async<Score> ascore(MetricInput input) const;
  Score operator()(const MetricInput& input) const;
  Score operator()(const Example& example, const Prediction& prediction) const {
    return (*this)(MetricInput{.example = example, .prediction = prediction});
  }

  /// Measures many.  Throws as `ascore` does; a batched metric that returns another number of scores is an `Error`
  /// (`bad_input`).
  Async<std::vector<Score>> ascore_all(std::vector<MetricInput> inputs) const;

 private:
  static Async<Score> now(Score score) { co_return score; }

  std::string name_ = "metric";
  std::function<Async<Score>(const MetricInput&)> one_;
  std::function<std::vector<Score>(std::span<const MetricInput>)> all_;
  bool needs_trace_ = false;
};

}  // namespace dspy
