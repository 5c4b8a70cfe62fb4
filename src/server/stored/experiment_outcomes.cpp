#include "server/stored/experiment_outcomes.hpp"

#include "dspy/base/json.hpp"
#include "dspy/evaluate/sequential.hpp"
#include "dspy/registry/experiment.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "server/experiments/experiment_file.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the arms of an experiment (experiments/experiment_file.hpp) reached is the feedback of its metric, given while
// it ran: on calls that it gave to its arms, where a server divided them; else on traces of the program in the arm's
// version, for programs that divide their calls themselves.

namespace dspy::server {
namespace {

constexpr double least_ratio = 0.001;  // below it, no result should be believed

std::optional<std::chrono::system_clock::time_point> time_at(const JsonObject& from, std::string_view name) {
  const auto time = parse_iso_time(experiment_text(from, name));
  if (!time) return std::nullopt;
  return std::chrono::time_point_cast<std::chrono::system_clock::duration>(*time);
}

/// By the server's assignment of callers to arms.
Outcomes recorded(const ExperimentLog& log, const std::string& tenant, const JsonObject& experiment) {
  const auto known = log.arms(tenant, experiment_text(experiment, "id"), experiment_text(experiment, "metric"),
                              time_at(experiment, "stopped_at"));
  Outcomes out;
  for (const auto& each : experiment.at("arms").as_array()) {
    const auto& arm = each.as_object();
    const auto name = experiment_text(arm, "name");
    const auto found = std::ranges::find(known, name, &ArmRecord::arm);
    auto record = found != known.end() ? *found : ArmRecord{.arm = name};
    out.arms.push_back({.arm = name, .weight = optional_number(arm, "weight").value_or(1), .values = record.values});
    out.exposed.push_back(std::move(record));
  }
  if (known.empty()) out.exposed.clear();
  return out;
}

/// By the versions of traces.  The latest judgement of a trace counts.
std::vector<ArmOutcomes> judged(const ResourceServices& services, const std::string& tenant,
                                const JsonObject& experiment) {
  std::vector<ArmOutcomes> arms;
  std::vector<std::string> versions;
  for (const auto& each : experiment.at("arms").as_array()) {
    const auto& arm = each.as_object();
    arms.push_back({.arm = experiment_text(arm, "name"), .weight = optional_number(arm, "weight").value_or(1)});
    versions.push_back(experiment_text(arm, "version"));
  }
  if (!services.traces) return arms;
  const auto program = experiment_text(experiment, "program");
  const auto metric = experiment_text(experiment, "metric");
  const auto begun = parse_iso_time(experiment_text(experiment, "started_at"));
  const auto ended = parse_iso_time(experiment_text(experiment, "stopped_at"));
  std::set<std::string> seen;
  constexpr std::size_t most = 1'000'000;
  for (const auto& each : services.traces->feedback(tenant, {}, most)) {
    if (each.name != metric || !seen.insert(each.trace).second) continue;
    if ((begun && each.at < *begun) || (ended && each.at > *ended)) continue;
    const auto page =
        services.traces->list({.tenant = tenant, .filters = {{"id", each.trace}, {"program", program}}, .limit = 1});
    if (page.items.empty()) continue;
    const auto arm = std::ranges::find(versions, experiment_text(page.items.front(), "version"));
    if (arm != versions.end()) arms[static_cast<std::size_t>(arm - versions.begin())].values.push_back(each.score);
  }
  return arms;
}

/// Whether callers were divided as the weights say; judgements alone would not tell, as not all calls get one.
statistics::RatioCheck ratio_of(const Outcomes& known, const statistics::RatioCheck& of_values) {
  if (known.exposed.empty()) return of_values;
  std::vector<std::uint64_t> counts;
  std::vector<double> weights;
  for (std::size_t i = 0; i < known.arms.size(); ++i) {
    counts.push_back(known.exposed[i].units);
    weights.push_back(known.arms[i].weight);
  }
  return statistics::sample_ratio(counts, weights);
}

}  // namespace

Outcomes outcomes(const ResourceServices& services, const std::string& tenant, const JsonObject& experiment) {
  if (services.experiments) {
    if (auto out = recorded(*services.experiments, tenant, experiment); !out.exposed.empty()) return out;
  }
  return {.arms = judged(services, tenant, experiment)};
}

JsonObject counts_of(const Outcomes& known) {
  JsonObject out;
  for (const auto& arm : known.arms) out[arm.arm] = arm.values.size();
  return out;
}

JsonObject exposures_of(const Outcomes& known) {
  JsonObject out;
  for (const auto& arm : known.exposed)
    out[arm.arm] = JsonObject{{"units", arm.units}, {"calls", arm.calls}, {"judged", arm.judged}};
  return out;
}

Json result_of(const Outcomes& known, double smallest_effect) {
  const auto& arms = known.arms;
  for (const auto& arm : arms) {
    if (arm.values.size() < 2)
      return Json{{"problem", std::format("the arm `{}` has {} {}; two are needed at least", arm.arm, arm.values.size(),
                                          known.exposed.empty() ? "judgements" : "callers with a judgement")}};
  }
  const auto report = analyze(arms, smallest_effect);
  JsonArray comparisons;
  for (const auto& each : report.comparisons) {
    JsonObject line{{"arm", each.arm},
                    {"mean", each.mean},
                    {"difference", each.difference},
                    {"interval", {{"low", each.interval.low}, {"high", each.interval.high}}},
                    {"test", each.test},
                    {"p_value", each.p_value},
                    {"adjusted_p_value", each.adjusted_p_value}};
    if (each.always_valid_p_value) line["always_valid_p_value"] = *each.always_valid_p_value;
    comparisons.push_back(std::move(line));
  }
  const auto ratio = ratio_of(known, report.ratio);
  return Json{{"control", arms.front().arm},
              {"control_mean", report.control_mean},
              {"ratio_p_value", ratio.p_value},
              {"ratio_is_fine", ratio.p_value >= least_ratio},
              {"comparisons", comparisons}};
}

}  // namespace dspy::server
