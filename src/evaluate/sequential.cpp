#include "dspy/evaluate/sequential.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace dspy::statistics {
namespace {

std::uint32_t fnv1a(std::string_view text) noexcept {
  std::uint32_t hash = 0x811C9DC5U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x01000193U;
  }
  return hash;
}

double total_of(std::span<const double> weights) {
  const bool is_wrong =
      weights.empty() || std::ranges::any_of(weights, [](double each) { return !(each >= 0) || !std::isfinite(each); });
  const double total = is_wrong ? 0 : std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(total > 0)) throw Error(Errc::invalid_parameter, "the weights of arms are 0 or more, and not all of them 0");
  return total;
}

/// What lies above `x` of the gamma distribution of shape `a`: a series where it converges fast, else Lentz's continued
/// fraction (Press et al., Numerical Recipes, 6.2, gives both forms).
double gamma_above(double a, double x) {
  if (x <= 0) return 1;
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (double n = a + 1; std::abs(term) > std::abs(sum) * 1e-16; ++n) {
      term *= x / n;
      sum += term;
    }
    return 1 - sum * scale;
  }
  constexpr double tiny = 1e-300;
  double b = x + 1 - a;
  double c = 1 / tiny;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < 10'000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (std::abs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (std::abs(c) < tiny) c = tiny;
    const double factor = d * c;
    h *= factor;
    if (std::abs(factor - 1) < 1e-15) break;
  }
  return h * scale;
}

}  // namespace

double bucket(std::string_view seed, std::string_view unit) {
  const auto first = fnv1a(std::string(seed).append(unit));
  return static_cast<double>(fnv1a(std::to_string(first)) % 10'000) / 10'000;
}

std::size_t assigned_arm(std::string_view seed, std::string_view unit, std::span<const double> weights) {
  const double total = total_of(weights);
  const double at = bucket(seed, unit);
  double end = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    last = i;
    end += weights[i] / total;
    if (at < end) return i;
  }
  return last;
}

double chi_square_above(double x, double degrees_of_freedom) {
  if (!(degrees_of_freedom > 0))
    throw Error(Errc::invalid_parameter, "a chi-square test has at least 1 degree of freedom");
  return gamma_above(degrees_of_freedom / 2, x / 2);
}

RatioCheck sample_ratio(std::span<const std::uint64_t> counts, std::span<const double> weights) {
  if (counts.size() != weights.size())
    throw Error(Errc::invalid_parameter, "there must be a weight for each arm that was counted");
  const double total = total_of(weights);
  const auto seen = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  RatioCheck check;
  double arms = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = seen * weights[i] / total;
    const auto count = static_cast<double>(counts[i]);
    if (expected == 0) {
      if (count > 0) return {.statistic = HUGE_VAL, .p_value = 0};  // an arm that nobody should have been in
      continue;
    }
    ++arms;
    check.statistic += (count - expected) * (count - expected) / expected;
  }
  if (arms > 1) check.p_value = chi_square_above(check.statistic, arms - 1);
  return check;
}

SequentialTest::SequentialTest(double variance, double tau_squared) : variance_(variance), tau_squared_(tau_squared) {
  if (!(variance > 0) || !(tau_squared > 0) || !std::isfinite(variance) || !std::isfinite(tau_squared)) {
    throw Error(
        Errc::invalid_parameter,
        "a sequential test needs a variance and a `tau_squared` above 0; a sample that does not vary needs none");
  }
}

double SequentialTest::log_ratio(std::size_t pairs, double mean) const {
  const auto n = static_cast<double>(pairs);
  const double spread = variance_ + n * tau_squared_;
  return 0.5 * std::log(variance_ / spread) + n * n * tau_squared_ * mean * mean / (2 * variance_ * spread);
}

double SequentialTest::p_value(std::size_t pairs, double mean) {
  if (pairs > 0) p_value_ = std::min(p_value_, std::exp(-log_ratio(pairs, mean)));
  return p_value_;
}

double SequentialTest::half_width(std::size_t pairs, double level) const {
  if (pairs == 0) return HUGE_VAL;
  if (!(level > 0 && level < 1)) throw Error(Errc::invalid_parameter, "a level lies between 0 and 1");
  const auto n = static_cast<double>(pairs);
  const double spread = variance_ + n * tau_squared_;
  return std::sqrt(2 * variance_ * spread / (n * n * tau_squared_) *
                   (std::log(1 / level) + 0.5 * std::log(spread / variance_)));
}

}  // namespace dspy::statistics
