// An A/B test: users are assigned to two versions of a program, always the same one, and what happened is analysed.
// The outcomes are drawn: version B is really better by ten in a hundred.

#include <dspy/dspy.hpp>
#include <dspy/evaluate/sequential.hpp>
#include <dspy/registry/experiment.hpp>

#include <array>
#include <format>
#include <print>
#include <vector>

int main() {
  constexpr std::array weights = {1.0, 1.0};
  std::vector<dspy::ArmOutcomes> arms = {{.arm = "A"}, {.arm = "B"}};
  dspy::Random random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto arm = dspy::statistics::assigned_arm("new-prompt", std::format("user-{}", i), weights);
    arms[arm].values.push_back(random.uniform() < (arm == 0 ? 0.6 : 0.7) ? 1 : 0);
  }
  std::println("user-42 is always in arm {}",
               arms[dspy::statistics::assigned_arm("new-prompt", "user-42", weights)].arm);

  const auto report = dspy::analyze(arms);
  std::println("{} and {} users; {}", arms[0].values.size(), arms[1].values.size(),
               report.is_ratio_fine ? "the assignment went as planned" : "the assignment went wrong");
  for (const auto& each : report.comparisons) {
    std::println("{}: {:+.1f} % ({:+.1f} to {:+.1f}), p = {:.5f} ({}), valid at any time: p = {:.4f}", each.arm,
                 100 * each.difference, 100 * each.interval.low, 100 * each.interval.high, each.p_value, each.test,
                 each.always_valid_p_value.value_or(1));
  }

  // Half of B's users were lost on the way: the analysis says so.
  arms[1].values.resize(arms[1].values.size() / 2);
  const auto broken = dspy::analyze(arms);
  std::println("after a loss: {}", broken.is_ratio_fine ? "fine" : "do not believe this experiment");
}
