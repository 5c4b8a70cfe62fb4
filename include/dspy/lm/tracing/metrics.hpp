#pragma once

#include "dspy/lm/trace.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// Counters, gauges and histograms under names and labels, in the form that Prometheus reads.  Thread-safe.
///
/// A metric has at most `max_series` combinations of labels; further ones are counted under the label value `other`, so
/// that names from outside cannot exhaust memory.
class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  explicit Metrics(std::size_t max_series = 200) : max_series_(max_series) {}

  /// Says what a metric is.  Throws `Error` (`invalid_parameter`) for a name or label that Prometheus does not take, or
  /// a metric that is known with another kind.
  void describe_counter(std::string name, std::string help);
  void describe_gauge(std::string name, std::string help);
  /// `bounds` are the upper bounds of its buckets, in rising order; the one of infinity is added.
  void describe_histogram(std::string name, std::string help, std::vector<double> bounds);

  /// Throw `Error` (`invalid_parameter`) for a metric that was not described as this kind.
  void count(std::string_view name, const Labels& labels, double by = 1);
  void set(std::string_view name, const Labels& labels, double value);
  void observe(std::string_view name, const Labels& labels, double value);
  /// Asked for its value when the metrics are read.
  void watch(std::string_view name, const Labels& labels, std::function<double()> value);

  /// Text exposition format 0.0.4 (`text/plain; version=0.0.4`), metrics and labels in the order of their names.
  std::string text() const;

 private:
  enum class Kind { counter, gauge, histogram };

  struct Series {
    Labels labels;
    double value = 0;  ///< Of a histogram: the sum.
    std::uint64_t count = 0;
    std::vector<std::uint64_t> buckets;
    std::function<double()> watched;
  };
  struct Family {
    Kind kind = Kind::counter;
    std::string help;
    std::vector<double> bounds;
    std::map<std::string, Series, std::less<>> series;  ///< By the labels as text.
  };

  void describe(std::string name, Family family);
  Series& series(std::string_view name, Kind kind, const Labels& labels);

  std::size_t max_series_;
  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

/// Buckets in doublings: `first`, twice that, …, `count` of them.
std::vector<double> doublings(double first, int count);

/// Counts what programs ask LMs: `dspy_lm_requests_total`, `dspy_lm_attempts_total`,
/// `dspy_lm_request_duration_seconds`, `dspy_lm_tokens_total`, `dspy_lm_cost_usd_total`, `dspy_lm_cost_unknown_total`,
/// `dspy_lm_cache_requests_total`, `dspy_lm_fallbacks_total`, `dspy_lm_inflight`, `dspy_calls_total` and
/// `dspy_tool_calls_total`.
class MetricsTrace final : public Trace {
 public:
  explicit MetricsTrace(std::shared_ptr<Metrics> metrics);

  void begin(const Span& span) override;
  void end(const Span& span) override;

 private:
  void count_attempt(const Span& span);

  std::shared_ptr<Metrics> metrics_;
  std::mutex mutex_;
  double in_flight_ = 0;
};

}  // namespace dspy
