#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/evaluate/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace dspy::statistics {
namespace {

double count(std::size_t n) noexcept {
  return static_cast<double>(n);
}

/// Two-sided, of a t that may come from samples that do not vary.
Test t_test(double difference, double error, double degrees_of_freedom) {
  Test out{.degrees_of_freedom = degrees_of_freedom};
  if (error == 0) {
    out.statistic = difference == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), difference);
    out.p_value = difference == 0 ? 1 : 0;
    return out;
  }
  out.statistic = difference / error;
  out.p_value = 2 * student_above(std::abs(out.statistic), degrees_of_freedom);
  return out;
}

/// The order of p-values, smallest first.
std::vector<std::size_t> order(std::span<const double> values) {
  std::vector<std::size_t> out(values.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::ranges::stable_sort(out, {}, [&](std::size_t i) { return values[i]; });
  return out;
}

}  // namespace

Test mcnemar(std::size_t only_a, std::size_t only_b) {
  const auto n = only_a + only_b, least = std::min(only_a, only_b);
  Test out{.statistic = count(least)};
  if (n == 0 || only_a == only_b) return out;
  // The binomial distribution's lower tail, from its logarithms so that no power underflows.
  double sum = 0;
  for (std::size_t k = 0; k <= least; ++k) {
    sum += std::exp(std::lgamma(count(n) + 1) - std::lgamma(count(k) + 1) - std::lgamma(count(n - k) + 1) -
                    count(n) * std::log(2.0));
  }
  out.p_value = std::min(1.0, 2 * sum);
  return out;
}

Test sign_flip(std::span<const double> differences, std::size_t samples, std::uint64_t seed) {
  if (differences.empty()) throw Error(Errc::invalid_parameter, "a sign-flip test takes one difference or more");
  std::vector<double> moving;
  for (const auto difference : differences) {
    if (difference != 0) moving.push_back(difference);
  }
  const double observed = std::abs(std::accumulate(moving.begin(), moving.end(), 0.0));
  Test out{.statistic = mean(differences)};
  // Sums of the same numbers in another order may differ in the last digits.
  const double enough = observed - 1e-12 * std::max(1.0, observed);
  constexpr std::size_t most_exact = 20;
  if (moving.size() <= most_exact) {
    const auto all = std::uint64_t{1} << moving.size();
    std::uint64_t extreme = 0;
    for (std::uint64_t signs = 0; signs < all; ++signs) {
      double sum = 0;
      for (std::size_t i = 0; i < moving.size(); ++i) sum += (signs >> i & 1) != 0 ? -moving[i] : moving[i];
      extreme += std::abs(sum) >= enough ? 1U : 0U;
    }
    out.p_value = static_cast<double>(extreme) / static_cast<double>(all);
    return out;
  }
  Random random(seed);
  std::size_t extreme = 0;
  for (std::size_t k = 0; k < samples; ++k) {
    double sum = 0;
    std::uint64_t signs = 0;
    for (std::size_t i = 0; i < moving.size(); ++i) {
      if (i % 64 == 0) signs = random();
      sum += (signs >> (i % 64) & 1) != 0 ? -moving[i] : moving[i];
    }
    extreme += std::abs(sum) >= enough ? 1U : 0U;
  }
  out.p_value = (count(extreme) + 1) / (count(samples) + 1);  // what was observed is one of the draws
  return out;
}

Test paired_t(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size())
    throw Error(Errc::invalid_parameter, std::format("{} values cannot be paired with {}", a.size(), b.size()));
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return t_test(mean(differences), std::sqrt(variance(differences) / count(a.size())), count(a.size()) - 1);
}

Test welch_t(std::span<const double> a, std::span<const double> b) {
  const double va = variance(a) / count(a.size()), vb = variance(b) / count(b.size());
  const double spread = va * va / (count(a.size()) - 1) + vb * vb / (count(b.size()) - 1);
  const double degrees = spread == 0 ? count(a.size() + b.size()) - 2 : (va + vb) * (va + vb) / spread;
  return t_test(mean(a) - mean(b), std::sqrt(va + vb), degrees);
}

Test two_proportions(std::size_t a, std::size_t trials_a, std::size_t b, std::size_t trials_b) {
  if (trials_a == 0 || trials_b == 0 || a > trials_a || b > trials_b) {
    throw Error(Errc::invalid_parameter, std::format("{} of {} and {} of {} are not shares", a, trials_a, b, trials_b));
  }
  const double pooled = count(a + b) / count(trials_a + trials_b);
  const double error = std::sqrt(pooled * (1 - pooled) * (1 / count(trials_a) + 1 / count(trials_b)));
  if (error == 0) return {};
  const double z = (count(a) / count(trials_a) - count(b) / count(trials_b)) / error;
  return {.statistic = z, .p_value = 2 * normal_above(std::abs(z))};
}

Test mann_whitney(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) throw Error(Errc::invalid_parameter, "Mann and Whitney's test takes two samples");
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  const auto places = order(all);
  const double n = count(all.size());
  double ranks = 0, ties = 0;
  for (std::size_t i = 0; i < places.size();) {
    auto end = i;
    while (end < places.size() && all[places[end]] == all[places[i]]) ++end;
    const double rank = (count(i + 1) + count(end)) / 2, size = count(end - i);
    for (auto k = i; k < end; ++k) ranks += places[k] < a.size() ? rank : 0;
    ties += size * size * size - size;
    i = end;
  }
  const double na = count(a.size()), nb = count(b.size());
  const double u = ranks - na * (na + 1) / 2;
  const double error = std::sqrt(na * nb / 12 * (n + 1 - ties / (n * (n - 1))));
  Test out{.statistic = u};
  if (!(error > 0)) return out;
  const double z = std::max(0.0, std::abs(u - na * nb / 2) - 0.5) / error;
  out.p_value = std::min(1.0, 2 * normal_above(z));
  return out;
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<double> out(p_values.size());
  double least = 0;
  const auto places = order(p_values);
  for (std::size_t i = 0; i < places.size(); ++i) {
    least = std::max(least, std::min(1.0, count(places.size() - i) * p_values[places[i]]));
    out[places[i]] = least;
  }
  return out;
}

std::vector<double> benjamini_hochberg(std::span<const double> p_values) {
  std::vector<double> out(p_values.size());
  double most = 1;
  const auto places = order(p_values);
  for (auto i = places.size(); i-- > 0;) {
    most = std::min(most, count(places.size()) / count(i + 1) * p_values[places[i]]);
    out[places[i]] = most;
  }
  return out;
}

}  // namespace dspy::statistics
