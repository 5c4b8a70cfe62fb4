#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

// Experiments on people or requests: who gets what, whether that went as planned, and tests that may be looked at at
// any time.

namespace dspy {
namespace statistics {

/// The position of `unit` in [0, 1), the same in every process and language that hashes as GrowthBook's version 2 does
/// (FNV-1a, twice): those of one `seed` are spread evenly, and independent of those of another.
double bucket(std::string_view seed, std::string_view unit);

/// Which of the arms `unit` belongs to: arms take shares of [0, 1) in their order, as large as their weights, so that
/// moving a weight moves only those at the edge.  Throws `Error` (`invalid_parameter`) for no arms, or weights that are
/// negative or all 0.
std::size_t assigned_arm(std::string_view seed, std::string_view unit, std::span<const double> weights);

/// Whether the counts of the arms are what their weights make likely: a chi-square test.  Below 0.001, something is
/// wrong with the assignment, and no result should be believed.
struct RatioCheck {
  double statistic = 0;
  double p_value = 1;
};
RatioCheck sample_ratio(std::span<const std::uint64_t> counts, std::span<const double> weights);

/// What lies above `x` of the chi-square distribution, by the regularized incomplete gamma function.
double chi_square_above(double x, double degrees_of_freedom);

/// A test of a mean difference that may be looked at after each pair without raising the share of false alarms: the
/// mixture sequential probability ratio test (Johari, Pekelis and Walsh 2015).  A state machine.
class SequentialTest {
 public:
  /// `variance` is that of one paired difference; `tau_squared` about the square of the smallest difference that
  /// matters.  Throws `Error` (`invalid_parameter`) unless both are above 0.
  SequentialTest(double variance, double tau_squared);

  /// After `pairs` pairs whose mean difference is `mean`: never rises.
  double p_value(std::size_t pairs, double mean);
  /// The logarithm of the likelihood ratio.
  double log_ratio(std::size_t pairs, double mean) const;
  /// Half of the width of an interval that holds the difference at every look together.
  double half_width(std::size_t pairs, double level = 0.05) const;

 private:
  double variance_;
  double tau_squared_;
  double p_value_ = 1;
};

}  // namespace statistics
}  // namespace dspy
