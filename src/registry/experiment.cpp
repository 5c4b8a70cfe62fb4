#include "dspy/registry/experiment.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <format>

namespace dspy {
namespace {

bool is_binary(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return value == 0 || value == 1; });
}

std::size_t ones(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::ranges::count(values, 1.0));
}

/// In pairs of the order in which they came, as the test needs them.
std::optional<double> always_valid(const std::vector<double>& control, const std::vector<double>& arm, double effect) {
  const auto pairs = std::min(control.size(), arm.size());
  std::vector<double> differences(pairs);
  for (std::size_t i = 0; i < pairs; ++i) differences[i] = arm[i] - control[i];
  const double variance = statistics::variance(control) + statistics::variance(arm);
  if (!(variance > 0)) return std::nullopt;
  statistics::SequentialTest test(variance, effect * effect);
  double sum = 0;
  double p = 1;
  for (std::size_t i = 0; i < pairs; ++i) {
    sum += differences[i];
    p = test.p_value(i + 1, sum / static_cast<double>(i + 1));
  }
  return p;
}

ArmComparison compare(const ArmOutcomes& control, const ArmOutcomes& arm, double effect) {
  ArmComparison out{.arm = arm.arm, .mean = statistics::mean(arm.values)};
  out.difference = out.mean - statistics::mean(control.values);
  if (is_binary(control.values) && is_binary(arm.values)) {
    out.test = "two proportions";
    out.p_value =
        statistics::two_proportions(ones(arm.values), arm.values.size(), ones(control.values), control.values.size())
            .p_value;
    out.interval =
        statistics::newcombe(ones(arm.values), arm.values.size(), ones(control.values), control.values.size());
  } else {
    out.test = "Welch";
    const auto test = statistics::welch_t(arm.values, control.values);
    out.p_value = test.p_value;
    const auto n = static_cast<double>(arm.values.size());
    const auto m = static_cast<double>(control.values.size());
    const double error = std::sqrt(statistics::variance(arm.values) / n + statistics::variance(control.values) / m);
    const double reach = statistics::normal_quantile(0.975) * error;
    out.interval = {.low = out.difference - reach, .high = out.difference + reach};
  }
  out.mann_whitney_p_value = statistics::mann_whitney(arm.values, control.values).p_value;
  out.always_valid_p_value = always_valid(control.values, arm.values, effect);
  return out;
}

}  // namespace

ExperimentReport analyze(const std::vector<ArmOutcomes>& arms, double smallest_effect) {
  if (arms.size() < 2) throw Error(Errc::invalid_parameter, "an experiment compares two arms or more");
  if (!(smallest_effect > 0)) throw Error(Errc::invalid_parameter, "the smallest effect that matters is above 0");
  ExperimentReport report;
  std::vector<std::uint64_t> counts;
  std::vector<double> weights;
  for (const auto& arm : arms) {
    if (arm.values.size() < 2)
      throw Error(Errc::invalid_parameter, std::format("the arm `{}` has fewer than two values", arm.arm));
    counts.push_back(arm.values.size());
    weights.push_back(arm.weight);
  }
  report.control_mean = statistics::mean(arms.front().values);
  report.ratio = statistics::sample_ratio(counts, weights);
  report.is_ratio_fine = report.ratio.p_value >= 0.001;
  std::vector<double> p_values;
  for (std::size_t i = 1; i < arms.size(); ++i) {
    report.comparisons.push_back(compare(arms.front(), arms[i], smallest_effect));
    p_values.push_back(report.comparisons.back().p_value);
  }
  const auto adjusted = statistics::holm(p_values);
  for (std::size_t i = 0; i < adjusted.size(); ++i) report.comparisons[i].adjusted_p_value = adjusted[i];
  return report;
}

}  // namespace dspy
