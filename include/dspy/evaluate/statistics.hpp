#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// What scores of a sample say about all there is.  Pure functions; what is drawn depends on the seed alone.  Those that
// take a share or a level throw `Error` (`invalid_parameter`) outside of 0 to 1, and all of them for too few values.

namespace dspy {

struct Interval {
  double low = 0;
  double high = 0;

  bool operator==(const Interval&) const = default;
};

namespace statistics {

double mean(std::span<const double> values);
/// Of the sample (n - 1).
double variance(std::span<const double> values);
/// The share of values at or below which `share` of them lies, interpolated between neighbours (as NumPy does).
double percentile(std::span<const double> values, double share);

/// The normal distribution: what lies above `z`, and the `z` below which `share` lies (Acklam's approximation, refined
/// by a step of Halley's).
double normal_above(double z) noexcept;
double normal_quantile(double share);
/// Student's t: what lies above `t`.
double student_above(double t, double degrees_of_freedom);
/// The regularized incomplete beta function, by Lentz's continued fraction.
double incomplete_beta(double a, double b, double x);

/// Wilson's score interval of a share (E. B. Wilson 1927).
Interval wilson(std::size_t successes, std::size_t trials, double confidence = 0.95);
/// The difference of two shares, `a` less `b`, of independent samples (Newcombe 1998, method 10).
Interval newcombe(std::size_t a, std::size_t trials_a, std::size_t b, std::size_t trials_b, double confidence = 0.95);
/// Of the mean: percentiles of means of samples drawn from `values` with replacement.
Interval bootstrap_mean(std::span<const double> values, double confidence = 0.95, std::size_t samples = 2000,
                        std::uint64_t seed = 0);

/// A test's outcome: the probability, if nothing differs, of a difference at least as large.
struct Test {
  double statistic = 0;
  double p_value = 1;
  std::optional<double> degrees_of_freedom = {};
};

/// McNemar's exact test: `only_a` and `only_b` are the examples that only one of both gets right.
Test mcnemar(std::size_t only_a, std::size_t only_b);
/// Whether paired differences are symmetric about 0, by flipping their signs: all of them for up to 20 that are not 0,
/// else `samples` drawn.  The statistic is the mean.
Test sign_flip(std::span<const double> differences, std::size_t samples = 20000, std::uint64_t seed = 0);
Test paired_t(std::span<const double> a, std::span<const double> b);
/// Without the assumption of equal variances.  Equal means of samples that do not vary give p = 1, other means 0.
Test welch_t(std::span<const double> a, std::span<const double> b);
/// Two shares of independent samples, pooled.
Test two_proportions(std::size_t a, std::size_t trials_a, std::size_t b, std::size_t trials_b);
/// Mann and Whitney's U, by its normal approximation with a correction for ties and continuity.
Test mann_whitney(std::span<const double> a, std::span<const double> b);

/// Probabilities of several tests corrected: the chance of any false alarm (Holm 1979), or the share of false alarms
/// (Benjamini and Hochberg 1995).
std::vector<double> holm(std::span<const double> p_values);
std::vector<double> benjamini_hochberg(std::span<const double> p_values);

/// A probability that was given for something, and whether it was so.
struct Forecast {
  double probability = 0;
  bool happened = false;
};

/// The mean squared distance of probability and outcome (Brier 1950): 0 is best.
double brier(std::span<const Forecast> forecasts);
/// The expected calibration error over bins of equal width: how far, on average, what happened in a bin is from what
/// was forecast there.
double calibration_error(std::span<const Forecast> forecasts, std::size_t bins = 10);
/// The probability that a positive case was given a higher probability than a negative one, ties counting half: the
/// area under the ROC curve.  Absent if all or none happened.
std::optional<double> area_under_curve(std::span<const Forecast> forecasts);

}  // namespace statistics
}  // namespace dspy
