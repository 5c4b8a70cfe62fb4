#include "dspy/signature/decision.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = DecisionSpace::Kind;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::invalid_parameter, why);
}

std::string label_of(const Json& value) {
  if (value.is_string()) return std::string(view(value.get_string()));
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  return to_text(value);
}

DecisionSpace of_values(std::vector<Json> values, bool is_scale, const std::string& name) {
  DecisionSpace out{.kind = is_scale ? Kind::score : Kind::choice, .values = std::move(values)};
  if (out.values.size() < 2)
    refuse(std::format("`{}` has fewer than two answers, so there is nothing to decide", name));
  for (const auto& value : out.values) out.labels.push_back(label_of(value));
  auto sorted = out.labels;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
    refuse(std::format("`{}` has two answers named `{}`, which cannot be distinguished by their probabilities", name,
                       *twice));
  return out;
}

void require_kind(bool is_set, Kind wanted, Kind kind, std::string_view member) {
  if (is_set && wanted != kind) {
    refuse(std::format("`{}` is for a {}, and this is a {}", member, to_string(wanted), to_string(kind)));
  }
}

/// Probabilities, divided by the prior and brought to a sum of 1.
std::vector<double> without_prior(const DecisionSpace& space, const DecisionSettings& settings,
                                  const std::vector<double>& probabilities) {
  if (settings.prior.empty()) return probabilities;
  auto out = probabilities;
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] /= settings.prior.at(space.labels[i]);
  for (auto& each : out) each /= sum;
  return out;
}

}  // namespace

std::string_view to_string(DecisionSpace::Kind kind) noexcept {
  switch (kind) {
    case Kind::yes_no: return "yes or no";
    case Kind::choice: return "choice";
    case Kind::score: return "scale";
  }
  std::unreachable();
}

std::string_view to_string(DecisionMethod method) noexcept {
  switch (method) {
    case DecisionMethod::measured: return "measured";
    case DecisionMethod::log_probabilities: return "log_probabilities";
    case DecisionMethod::written: return "written";
    case DecisionMethod::given: return "given";
    case DecisionMethod::none: return "none";
  }
  std::unreachable();
}

DecisionSpace decision_space(const Field& field, bool is_scale) {
  const auto& type = field.type.required();
  const auto& limits = *type.limits;
  if (!limits.one_of.empty()) return of_values(limits.one_of, is_scale, field.name);
  if (type.kind == Type::Kind::boolean) {
    if (is_scale) refuse(std::format("`{}` is yes or no, and no scale", field.name));
    return {.kind = Kind::yes_no, .values = {true, false}, .labels = {"true", "false"}};
  }
  if (type.kind == Type::Kind::literal) return of_values(type.choices, is_scale, field.name);
  if (type.kind == Type::Kind::integer && limits.ge && limits.le && limits.ge->is_integer && limits.le->is_integer) {
    const auto low = limits.ge->integer, high = limits.le->integer;
    constexpr std::int64_t most = 100;
    if (high >= low && high - low < most) {
      std::vector<Json> values;
      for (auto value = low; value <= high; ++value) values.emplace_back(value);
      return of_values(std::move(values), is_scale, field.name);
    }
  }
  refuse(
      std::format("`{}` is a {}, whose probabilities cannot be measured; decide a bool, a Literal, an enumeration or a "
                  "whole number with `ge` and `le`",
                  field.name, annotation_name(field.type)));
}

void validate(const DecisionSettings& settings, const DecisionSpace& space) {
  const auto is_known = [&](const std::string& label) { return std::ranges::contains(space.labels, label); };
  require_kind(settings.threshold.has_value(), Kind::yes_no, space.kind, "threshold");
  require_kind(!settings.weights.empty(), Kind::choice, space.kind, "weights");
  require_kind(!settings.cuts.empty(), Kind::score, space.kind, "cuts");
  if (settings.threshold && !(*settings.threshold >= 0 && *settings.threshold <= 1))
    refuse(std::format("the threshold is {}; it must be from 0 to 1", *settings.threshold));
  for (const auto& [label, weight] : settings.weights) {
    if (!is_known(label))
      refuse(std::format("there is no answer `{}` to weigh; there are {}", label, text::enumerate(space.labels, "`")));
    if (!(std::isfinite(weight) && weight >= 0))
      refuse(std::format("the weight of `{}` is {}; it must be 0 or more", label, weight));
  }
  if (settings.weights.size() == space.labels.size() &&
      std::ranges::all_of(settings.weights, [](const auto& each) { return each.second == 0; }))
    refuse("all weights are 0, so no answer could be chosen");
  const auto levels = space.labels.size();
  if (!settings.cuts.empty() && settings.cuts.size() + 1 != levels)
    refuse(std::format("a scale of {} levels has {} cuts, not {}", levels, levels - 1, settings.cuts.size()));
  for (std::size_t i = 0; i < settings.cuts.size(); ++i) {
    const double before = i == 0 ? 0 : settings.cuts[i - 1];
    if (!(settings.cuts[i] > before && settings.cuts[i] < static_cast<double>(levels - 1)))
      refuse(std::format("the cuts must rise between 0 and {}; {} does not", levels - 1, settings.cuts[i]));
  }
  if (settings.prior.empty()) return;
  for (const auto& label : space.labels) {
    const auto found = settings.prior.find(label);
    if (found == settings.prior.end() || !(found->second > 0 && found->second <= 1))
      refuse(std::format("the prior of `{}` is missing, or not between 0 and 1", label));
  }
  if (settings.prior.size() != levels) refuse("the prior has answers that are not declared");
}

std::optional<double> Decision::probability(std::string_view label) const {
  for (const auto& [name, likely] : probabilities) {
    if (name == label) return likely;
  }
  return std::nullopt;
}

Decision decide(const DecisionSpace& space, const DecisionSettings& settings, std::vector<double> probabilities,
                std::optional<double> confidence) {
  if (probabilities.size() != space.values.size()) {
    throw Error(Errc::bad_input,
                std::format("{} probabilities were given for {} answers", probabilities.size(), space.values.size()));
  }
  for (const auto each : probabilities) {
    if (!(each >= 0 && each <= 1 + 1e-6)) throw Error(Errc::bad_input, std::format("{} is not a probability", each));
  }
  const auto sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  if (!(sum > 0)) throw Error(Errc::bad_input, "all probabilities are 0, so nothing can be decided");

  Decision out{.method = DecisionMethod::given};
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    out.probabilities.emplace_back(space.labels[i], probabilities[i]);
  const auto judged = without_prior(space, settings, probabilities);
  if (space.kind == Kind::yes_no) {
    const double threshold = settings.threshold.value_or(0.5);
    out.value = judged[0] >= threshold;
    out.confidence = std::abs(judged[0] - threshold) / std::max(threshold, 1 - threshold);
    return out;
  }
  if (space.kind == Kind::choice) {
    const auto raw = static_cast<std::size_t>(std::ranges::max_element(judged) - judged.begin());
    const auto weighed = [&](std::size_t i) {
      const auto weight = settings.weights.find(space.labels[i]);
      return judged[i] * (weight == settings.weights.end() ? 1 : weight->second);
    };
    auto best = raw;
    for (std::size_t i = 0; i < judged.size(); ++i) best = weighed(i) > weighed(best) ? i : best;
    out.value = space.values[best];
    out.confidence = confidence ? *confidence : judged[best] / std::accumulate(judged.begin(), judged.end(), 0.0);
    return out;
  }
  double mean = 0, all = 0;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    mean += static_cast<double>(i) * judged[i];
    all += judged[i];
  }
  mean /= all;
  std::size_t level = 0;
  for (std::size_t i = 0; i + 1 < judged.size(); ++i) {
    const double cut = settings.cuts.empty() ? static_cast<double>(i) + 0.5 : settings.cuts[i];
    if (cut <= mean) ++level;
  }
  out.value = mean;
  out.level = level;
  out.confidence = confidence ? *confidence : judged[level] / all;
  return out;
}

Decision decision_of(const Prediction& prediction, const Field& field, const DecisionSettings& settings) {
  const auto space = decision_space(field, settings.is_scale);
  std::vector<double> probabilities;
  for (const auto& label : space.labels) {
    const auto found = prediction.probabilities.find(field.name + "." + label);
    if (found != prediction.probabilities.end()) probabilities.push_back(found->second);
  }
  if (probabilities.empty()) return {.value = prediction.at(field.name), .method = DecisionMethod::none};
  auto out = decide(space, settings, std::move(probabilities));
  const auto has = [&](const char* flag) { return std::ranges::contains(prediction.flags, Flag{field.name, flag}); };
  out.method = has("written")             ? DecisionMethod::written
               : has("log_probabilities") ? DecisionMethod::log_probabilities
                                          : DecisionMethod::measured;
  return out;
}

JsonObject to_json(const Decision& decision) {
  JsonObject probabilities;
  for (const auto& [label, value] : decision.probabilities) probabilities[label] = value;
  JsonObject out{{"value", decision.value}};
  if (!probabilities.empty()) out["probabilities"] = std::move(probabilities);
  if (decision.confidence) out["confidence"] = *decision.confidence;
  if (decision.level) out["level"] = *decision.level;
  out["method"] = std::string(to_string(decision.method));
  return out;
}

JsonObject to_json(const DecisionSettings& settings) {
  JsonObject out;
  if (settings.threshold) out["threshold"] = *settings.threshold;
  if (!settings.weights.empty()) {
    JsonObject weights;
    for (const auto& [label, weight] : settings.weights) weights[label] = weight;
    out["weights"] = std::move(weights);
  }
  if (!settings.cuts.empty()) out["cuts"] = JsonArray(settings.cuts.begin(), settings.cuts.end());
  for (const auto& member : settings.kept) out[member.key()] = member.value();
  return out;
}

DecisionSettings decision_settings_from_json(const JsonObject& written) {
  DecisionSettings out;
  const auto number = [](const Json& value, std::string_view name) {
    if (!value.is_number()) throw Error(Errc::config_error, std::format("`{}` must be a number", name));
    return value.to_number<double>();
  };
  for (const auto& member : written) {
    const auto name = std::string_view(member.key());
    const auto& value = member.value();
    if (name == "threshold") {
      out.threshold = number(value, name);
    } else if (name == "weights") {
      if (!value.is_object()) throw Error(Errc::config_error, "`weights` must be an object");
      for (const auto& weight : value.get_object())
        out.weights[std::string(weight.key())] = number(weight.value(), "weights");
    } else if (name == "cuts") {
      if (!value.is_array()) throw Error(Errc::config_error, "`cuts` must be a list");
      for (const auto& cut : value.get_array()) out.cuts.push_back(number(cut, "cuts"));
    } else {
      out.kept[member.key()] = value;
    }
  }
  return out;
}

}  // namespace dspy
