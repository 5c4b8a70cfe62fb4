#include "dspy/registry/promotion.hpp"

#include "dspy/base/error.hpp"
#include "dspy/evaluate/statistics.hpp"

#include <algorithm>
#include <format>
#include <map>

namespace dspy {
namespace {

void require_same_data(const EvaluationResult& champion, const EvaluationResult& challenger) {
  champion.require_complete();
  challenger.require_complete();
  const bool is_same =
      champion.rows.size() == challenger.rows.size() &&
      std::ranges::equal(champion.rows, challenger.rows, {}, &EvaluatedRow::example, &EvaluatedRow::example);
  if (is_same && champion.rows.size() > 1) return;
  throw Error(Errc::bad_input,
              "champion and challenger must be evaluated on the same dataset, of two examples or more");
}

/// By row, since a run that was resumed used no tokens for the rows that its checkpoint had.
std::optional<double> tokens_of(const EvaluationResult& result) {
  double sum = 0;
  bool is_known = true;
  for (const auto& row : result.rows) {
    const auto used = row.usage.total_tokens();
    is_known = is_known && used.has_value();
    sum += static_cast<double>(used.value_or(0));
  }
  if (is_known) return sum / static_cast<double>(result.rows.size());
  const auto total = result.usage.total_tokens();
  if (!total || std::ranges::any_of(result.rows, &EvaluatedRow::was_resumed)) return std::nullopt;
  return static_cast<double>(*total) / static_cast<double>(result.rows.size());
}

GateResult gain(const EvaluationResult& champion, const EvaluationResult& challenger, const PromotionGates& gates) {
  std::vector<double> gains;
  for (std::size_t i = 0; i < champion.rows.size(); ++i)
    gains.push_back(challenger.rows[i].score.value - champion.rows[i].score.value);
  const auto interval = statistics::bootstrap_mean(gains, gates.confidence);
  return {.gate = "gain",
          .is_passed = interval.low > gates.min_gain,
          .text = std::format("the gain is {:.4f} ({:.4f} to {:.4f}); its lower end must be above {}",
                              statistics::mean(gains), interval.low, interval.high, gates.min_gain)};
}

std::vector<GateResult> slices(const EvaluationResult& champion, const EvaluationResult& challenger,
                               const PromotionGates& gates) {
  std::map<std::string, std::vector<double>> by_value;
  for (std::size_t i = 0; i < champion.rows.size(); ++i) {
    const auto* const value = champion.rows[i].example.get(gates.slice_by);
    by_value[value == nullptr ? "(none)" : to_text(*value)].push_back(challenger.rows[i].score.value -
                                                                      champion.rows[i].score.value);
  }
  std::vector<GateResult> out;
  for (const auto& [value, gains] : by_value) {
    const double mean = statistics::mean(gains);
    out.push_back(
        {.gate = std::format("slice {} = {}", gates.slice_by, value),
         .is_passed = mean >= -gates.max_slice_loss,
         .text = std::format("{:+.4f} on {} examples; at least {:+.4f}", mean, gains.size(), -gates.max_slice_loss)});
  }
  return out;
}

}  // namespace

std::vector<GateResult> check_gates(const EvaluationResult& champion, const EvaluationResult& challenger,
                                    const PromotionGates& gates) {
  require_same_data(champion, challenger);
  std::vector<GateResult> out = {gain(champion, challenger, gates)};
  if (gates.max_failure_share) {
    const double share = static_cast<double>(challenger.failures) / static_cast<double>(challenger.rows.size());
    out.push_back(
        {.gate = "failures",
         .is_passed = share <= *gates.max_failure_share,
         .text = std::format("{:.1f} % failed; at most {:.1f} %", 100 * share, 100 * *gates.max_failure_share)});
  }
  if (gates.max_token_ratio) {
    const auto before = tokens_of(champion);
    const auto after = tokens_of(challenger);
    const bool is_known = before && after && *before > 0;
    out.push_back({.gate = "tokens",
                   .is_passed = is_known && *after <= *before * *gates.max_token_ratio,
                   .text = is_known ? std::format("{:.0f} tokens an example after {:.0f}; at most {} times as many",
                                                  *after, *before, *gates.max_token_ratio)
                                    : "tokens were not counted, so this cannot be passed"});
  }
  if (!gates.slice_by.empty()) {
    for (auto& each : slices(champion, challenger, gates)) out.push_back(std::move(each));
  }
  return out;
}

std::vector<GateResult> promote(Registry& registry, const std::string& name, std::int64_t version,
                                const std::string& alias, const EvaluationResult& champion,
                                const EvaluationResult& challenger, const PromotionGates& gates) {
  auto results = check_gates(champion, challenger, gates);
  const auto now = registry.alias(name, alias);
  if (gates.requires_compatible && now) {
    const auto all = registry.versions(name);
    const auto& old = all.at(static_cast<std::size_t>(*now - 1));
    const auto& next = registry.find(std::format("{}:{}", name, version));
    const auto changes = interface_changes(interface_of(registry.load(old)), interface_of(registry.load(next)));
    results.push_back({.gate = "compatible",
                       .is_passed = next.version.major == old.version.major,
                       .text = changes.empty() ? "inputs and outputs are the same" : changes.front()});
  }
  if (!std::ranges::all_of(results, &GateResult::is_passed)) return results;
  registry.move_alias(name, alias, now, version, "promoted: " + results.front().text);
  return results;
}

}  // namespace dspy
