#include "dspy/evaluate/statistics.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <limits>
#include <numbers>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace dspy::statistics {
namespace {

void require(std::span<const double> values, std::size_t least, std::string_view what) {
  if (values.size() < least) {
    throw Error(Errc::invalid_parameter,
                std::format("{} takes {} values or more, and got {}", what, least, values.size()));
  }
}

void require_share(double share, std::string_view what) {
  if (!(share > 0 && share < 1))
    throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be between 0 and 1", what, share));
}

double polynomial(std::span<const double> coefficients, double x) noexcept {
  double out = 0;
  for (const auto c : coefficients) out = out * x + c;
  return out;
}

double count(std::size_t n) noexcept {
  return static_cast<double>(n);
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
double beta_fraction(double a, double b, double x) noexcept {
  constexpr double tiny = 1e-300, precise = 1e-16;
  const auto guarded = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1, d = 1 / guarded(1 - (a + b) * x / (a + 1)), out = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guarded(1 + even * d);
    c = guarded(1 + even / c);
    out *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guarded(1 + odd * d);
    c = guarded(1 + odd / c);
    out *= d * c;
    if (std::abs(d * c - 1) < precise) break;
  }
  return out;
}

}  // namespace

double mean(std::span<const double> values) {
  require(values, 1, "a mean");
  return std::accumulate(values.begin(), values.end(), 0.0) / count(values.size());
}

double variance(std::span<const double> values) {
  require(values, 2, "a variance");
  const auto center = mean(values);
  double sum = 0;
  for (const auto value : values) sum += (value - center) * (value - center);
  return sum / count(values.size() - 1);
}

double percentile(std::span<const double> values, double share) {
  require(values, 1, "a percentile");
  if (!(share >= 0 && share <= 1))
    throw Error(Errc::invalid_parameter, std::format("a percentile's share is {}; it must be from 0 to 1", share));
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const auto place = share * count(sorted.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), sorted.size() - 1);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - count(below)) * (sorted[above] - sorted[below]);
}

double normal_above(double z) noexcept {
  return std::erfc(z / std::numbers::sqrt2) / 2;
}

double normal_quantile(double share) {
  require_share(share, "the share of a quantile");
  constexpr std::array a = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                            1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array b = {-5.447609879822406e+01, 1.615858368580409e+02,  -1.556989798598866e+02,
                            6.680131188771972e+01,  -1.328068155288572e+01, 1.0};
  constexpr std::array c = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                            -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array d = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00,
                            1.0};
  constexpr double low = 0.02425;
  double x = 0;
  if (share < low || share > 1 - low) {
    const double q = std::sqrt(-2 * std::log(std::min(share, 1 - share)));
    x = polynomial(c, q) / polynomial(d, q);
    if (share > 0.5) x = -x;
  } else {
    const double q = share - 0.5;
    x = polynomial(a, q * q) * q / polynomial(b, q * q);
  }
  const double error = 1 - normal_above(x) - share;
  const double step = error * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  return x - step / (1 + x * step / 2);
}

double incomplete_beta(double a, double b, double x) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1))
    throw Error(Errc::invalid_parameter,
                std::format("the incomplete beta function has no value at {}, {}, {}", a, b, x));
  if (x == 0 || x == 1) return x;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_above(double t, double degrees_of_freedom) {
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  const double both = incomplete_beta(degrees_of_freedom / 2, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t));
  return t > 0 ? both / 2 : 1 - both / 2;
}

Interval wilson(std::size_t successes, std::size_t trials, double confidence) {
  require_share(confidence, "the confidence");
  if (trials == 0 || successes > trials) {
    throw Error(Errc::invalid_parameter, std::format("{} of {} is not a share", successes, trials));
  }
  const double n = count(trials), p = count(successes) / n;
  const double z = normal_quantile(0.5 + confidence / 2), z2 = z * z;
  const double center = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {.low = successes == 0 ? 0 : center - half, .high = successes == trials ? 1 : center + half};
}

Interval newcombe(std::size_t a, std::size_t trials_a, std::size_t b, std::size_t trials_b, double confidence) {
  const auto of_a = wilson(a, trials_a, confidence), of_b = wilson(b, trials_b, confidence);
  const double p = count(a) / count(trials_a), q = count(b) / count(trials_b);
  return {.low = p - q - std::hypot(p - of_a.low, of_b.high - q),
          .high = p - q + std::hypot(of_a.high - p, q - of_b.low)};
}

Interval bootstrap_mean(std::span<const double> values, double confidence, std::size_t samples, std::uint64_t seed) {
  require(values, 2, "a bootstrap");
  require_share(confidence, "the confidence");
  if (samples < 100)
    throw Error(Errc::invalid_parameter,
                std::format("{} samples are too few for a bootstrap; draw 100 or more", samples));
  Random random(seed);
  std::vector<double> means(samples);
  for (auto& drawn : means) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      sum += values[static_cast<std::size_t>(random.below(values.size()))];
    drawn = sum / count(values.size());
  }
  std::ranges::sort(means);
  return {.low = percentile(means, (1 - confidence) / 2), .high = percentile(means, (1 + confidence) / 2)};
}

double brier(std::span<const Forecast> forecasts) {
  if (forecasts.empty()) throw Error(Errc::invalid_parameter, "a Brier score takes one forecast or more");
  double sum = 0;
  for (const auto& [probability, happened] : forecasts) {
    const double distance = probability - (happened ? 1 : 0);
    sum += distance * distance;
  }
  return sum / count(forecasts.size());
}

double calibration_error(std::span<const Forecast> forecasts, std::size_t bins) {
  if (forecasts.empty() || bins == 0)
    throw Error(Errc::invalid_parameter, "a calibration error takes one forecast and one bin or more");
  struct Bin {
    double forecast = 0, happened = 0;
  };
  std::vector<Bin> sums(bins);
  for (const auto& [probability, happened] : forecasts) {
    if (!(probability >= 0 && probability <= 1))
      throw Error(Errc::invalid_parameter, std::format("a forecast is {}; a probability is from 0 to 1", probability));
    auto& bin = sums[std::min(static_cast<std::size_t>(probability * count(bins)), bins - 1)];
    bin.forecast += probability;
    bin.happened += happened ? 1 : 0;
  }
  double out = 0;
  for (const auto& bin : sums) out += std::abs(bin.forecast - bin.happened);
  return out / count(forecasts.size());
}

std::optional<double> area_under_curve(std::span<const Forecast> forecasts) {
  std::vector<Forecast> sorted(forecasts.begin(), forecasts.end());
  std::ranges::sort(sorted, {}, &Forecast::probability);
  double pairs = 0, below = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    double yes = 0, no = 0;
    const auto value = sorted[i].probability;
    for (; i < sorted.size() && sorted[i].probability == value; ++i) (sorted[i].happened ? yes : no) += 1;
    pairs += yes * (below + no / 2);
    below += no;
  }
  const auto happened = count(sorted.size()) - below;
  if (happened == 0 || below == 0) return std::nullopt;
  return pairs / (happened * below);
}

}  // namespace dspy::statistics
