#include "measuring/metric_choice.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/metrics/judges.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/signature/decision.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <map>
#include <ranges>
#include <string_view>
#include <vector>

namespace dspy::app {
namespace {

using Make = Metric (*)(const MetricChoice& choice);

Metric judged(const MetricChoice& choice) {
  if (choice.rubric.empty())
    throw Error(Errc::bad_input, "the metric `judge` needs --rubric, the criteria to score by");
  return metrics::metric(with_lm(metrics::Judge(choice.rubric), choice.lm));
}

/// What works on texts alone.
const std::map<std::string_view, Make>& plain_metrics() {
  static const std::map<std::string_view, Make> all = {
      {"exact_match", [](const MetricChoice& choice) { return metrics::exact_match(choice.field); }},
      {"f1", [](const MetricChoice& choice) { return metrics::f1(choice.field); }},
      {"hotpot_f1", [](const MetricChoice& choice) { return metrics::hotpot_f1(choice.field); }},
      {"equal", [](const MetricChoice& choice) { return metrics::equal(choice.field); }},
      {"passage_match", [](const MetricChoice& choice) { return metrics::passage_match(choice.field); }}};
  return all;
}

/// What asks a model.
const std::map<std::string_view, Make>& asking_metrics() {
  static const std::map<std::string_view, Make> all = {
      {"judge", &judged},
      {"semantic_f1",
       [](const MetricChoice& choice) {
         return metrics::metric(with_lm(metrics::SemanticF1(), choice.lm), {.response = choice.field});
       }},
      {"complete_and_grounded", [](const MetricChoice& choice) {
         return metrics::metric(with_lm(metrics::CompleteAndGrounded(), choice.lm), {.response = choice.field});
       }}};
  return all;
}

std::vector<std::string> all_names() {
  std::vector<std::string> out;
  for (const auto* const metrics : {&plain_metrics(), &asking_metrics()}) {
    for (const auto name : std::views::keys(*metrics)) out.emplace_back(name);
  }
  return out;
}

}  // namespace

Metric metric_named(const MetricChoice& choice) {
  if (const auto plain = plain_metrics().find(choice.name); plain != plain_metrics().end())
    return plain->second(choice);
  if (const auto asking = asking_metrics().find(choice.name); asking != asking_metrics().end()) {
    if (!choice.lm)
      throw Error(Errc::bad_input, std::format("the metric `{}` needs a model, and there is none here", choice.name));
    return asking->second(choice);
  }
  const auto meant = text::nearest(choice.name, all_names());
  throw Error(Errc::bad_input, std::format("unknown metric `{}`; {}", choice.name,
                                           meant ? std::format("did you mean `{}`?", *meant)
                                                 : std::format("use {}", text::enumerate(all_names(), "`"))));
}

void require_declared_labels(const std::vector<Example>& examples, const Field& output, const std::string& path) {
  const auto space = attempt([&] { return decision_space(output); });
  if (!space) return;
  const auto spelled = [](const Json& value) {
    return text::to_lower(value.is_string() ? std::string(view(value.get_string())) : to_text(value));
  };
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto* const label = examples[i].get(output.name);
    if (label == nullptr || label->is_null()) continue;
    const auto said = spelled(*label);
    if (std::ranges::any_of(space->values, [&](const Json& answer) { return spelled(answer) == said; })) continue;
    throw Error(Errc::bad_input,
                std::format("example {} of `{}` has {} as `{}`, which is not one of the answers declared: {}", i + 1,
                            path, to_text(*label), output.name, text::enumerate(space->labels, "`", "or")));
  }
}

std::string metric_names() {
  return text::enumerate(all_names(), "", "or");
}

}  // namespace dspy::app
