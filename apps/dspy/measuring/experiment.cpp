#include "dspy/registry/experiment.hpp"

#include "command.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/evaluate/sequential.hpp"
#include "measuring/experiment_store.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>
#include <optional>
#include <system_error>

namespace dspy::app {
namespace {

struct ExperimentFlags {
  std::string seed;
  std::vector<std::string> units;
  std::vector<double> weights = {1, 1};
  std::string data;
  std::string control;
  bool has_weights = false;
  double smallest_effect = 0.1;
};

int assign(const ExperimentFlags& flags) {
  for (const auto& unit : flags.units)
    print_json({{"unit", unit}, {"arm", statistics::assigned_arm(flags.seed, unit, flags.weights)}});
  return exit_ok;
}

/// A number, or a text that is one, as cells of CSV are.
std::optional<double> outcome_of(const Json* value) {
  double out = 0;
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const auto text = text::trim(view(value->get_string()));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  } else if (value->is_number()) {
    out = value->to_number<double>();
  } else {
    return std::nullopt;
  }
  constexpr double largest = 1e150;  // whose square is finite
  return std::abs(out) < largest ? std::optional(out) : std::nullopt;
}

std::vector<ArmOutcomes> read_arms(const ExperimentFlags& flags) {
  std::vector<ArmOutcomes> arms;
  each_row(flags.data, nullptr, [&](const DataRow& row) {
    const auto* const arm = row.values.if_contains("arm");
    const auto* const value = row.values.if_contains("value");
    const auto outcome = outcome_of(value);
    if (!row.problem.empty() || arm == nullptr || !arm->is_string() || !outcome) {
      throw Error(Errc::bad_input,
                  std::format("line {} of `{}` {}", row.line, flags.data,
                              row.problem.empty() ? "needs a text `arm` and a number `value`" : row.problem));
    }
    const std::string name(view(arm->get_string()));
    auto at = std::ranges::find(arms, name, &ArmOutcomes::arm);
    if (at == arms.end()) at = arms.insert(arms.end(), {.arm = name});
    at->values.push_back(*outcome);
  });
  if (flags.has_weights && flags.weights.size() != arms.size()) {
    throw Error(Errc::bad_input,
                std::format("--weights has {} numbers and `{}` {} arms; give one for each, in order of occurrence",
                            flags.weights.size(), flags.data, arms.size()));
  }
  for (std::size_t i = 0; i < arms.size(); ++i) arms[i].weight = flags.has_weights ? flags.weights[i] : 1;
  if (flags.control.empty()) return arms;
  const auto control = std::ranges::find(arms, flags.control, &ArmOutcomes::arm);
  if (control == arms.end())
    throw Error(Errc::bad_input, std::format("--control `{}`: `{}` has no such arm", flags.control, flags.data));
  std::rotate(arms.begin(), control, control + 1);
  return arms;
}

int analyze_file(const ExperimentFlags& flags) {
  const auto arms = read_arms(flags);
  const auto report = analyze(arms, flags.smallest_effect);
  JsonArray comparisons;
  for (const auto& each : report.comparisons) {
    JsonObject line = {{"arm", each.arm},
                       {"mean", each.mean},
                       {"difference", each.difference},
                       {"interval", JsonArray{each.interval.low, each.interval.high}},
                       {"test", each.test},
                       {"p_value", each.p_value},
                       {"adjusted_p_value", each.adjusted_p_value},
                       {"mann_whitney_p_value", each.mann_whitney_p_value}};
    if (each.always_valid_p_value) line["always_valid_p_value"] = *each.always_valid_p_value;
    comparisons.emplace_back(std::move(line));
  }
  print_json({{"control", arms.front().arm},
              {"control_mean", report.control_mean},
              {"ratio_p_value", report.ratio.p_value},
              {"ratio_is_fine", report.is_ratio_fine},
              {"comparisons", std::move(comparisons)}});
  return exit_ok;
}

}  // namespace

void add_experiment(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ExperimentFlags>();
  auto* command = app.add_subcommand("experiment", "Run A/B experiments on served programs, or analyse your own data");
  command->require_subcommand(1);
  auto* assigns = command->add_subcommand("assign", "Print the arm that each unit is assigned to");
  assigns->add_option("seed", flags->seed, "The experiment's name")->required();
  assigns->add_option("units", flags->units, "The units to assign, such as users or requests")->required();
  assigns->add_option("--weights", flags->weights, "Of the arms, as in 9,1")->delimiter(',');
  assigns->callback([flags, &plan] { plan = [flags] { return assign(*flags); }; });
  auto* analyzes = command->add_subcommand("analyze", "Compare the arms of rows {\"arm\", \"value\"} with one of them");
  analyzes->add_option("data", flags->data, "JSONL or CSV, in chronological order")->required();
  analyzes->add_option("--control", flags->control, "The control arm [the first one]");
  auto* weights =
      analyzes->add_option("--weights", flags->weights, "Weights of the arms, in order of occurrence")->delimiter(',');
  analyzes->add_option("--smallest-effect", flags->smallest_effect, "The smallest difference that matters")
      ->capture_default_str();
  analyzes->callback([flags, weights, &plan] {
    flags->has_weights = weights->count() > 0;
    plan = [flags] { return analyze_file(*flags); };
  });
  add_experiment_store(*command, plan);
}

}  // namespace dspy::app
