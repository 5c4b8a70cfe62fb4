#include "dspy/evaluate/metric.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"

#include <cmath>
#include <cstddef>
#include <format>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

Score checked(Score score, const std::string& metric) {
  if (!std::isfinite(score.value)) {
    throw Error(Errc::bad_input,
                std::format("the metric `{}` returned {}; return a finite number", metric, score.value));
  }
  for (const auto& [name, value] : score.objectives) {
    if (!std::isfinite(value))
      throw Error(Errc::bad_input, std::format("the metric `{}` returned {} for its aim `{}`; return a finite number",
                                               metric, value, name));
  }
  return score;
}

Async<Score> score_one(std::function<Async<Score>(const MetricInput&)> metric, std::string name, MetricInput input) {
  co_return checked(co_await metric(input), name);
}

std::vector<Score> score_batch(const std::function<std::vector<Score>(std::span<const MetricInput>)>& metric,
                               const std::string& name, const std::vector<MetricInput>& inputs) {
  auto scores = metric(inputs);
  if (scores.size() != inputs.size()) {
    throw Error(Errc::bad_input,
                std::format("the metric `{}` returned {} scores for {} predictions; return one for each", name,
                            scores.size(), inputs.size()));
  }
  for (auto& score : scores) score = checked(std::move(score), name);
  return scores;
}

}  // namespace

Score score_of(const Prediction& prediction) {
  const auto* const value = prediction.get("score");
  if (value == nullptr || (!value->is_number() && !value->is_bool())) {
    throw Error(Errc::bad_input, std::format("a metric's prediction needs a number `score`, and has {}",
                                             value == nullptr ? "none" : to_text(*value)));
  }
  Score out{.value = value->is_bool() ? (value->get_bool() ? 1.0 : 0.0) : value->to_number<double>()};
  if (const auto* const feedback = prediction.get("feedback"); feedback != nullptr && feedback->is_string())
    out.feedback = view(feedback->get_string());
  return out;
}

Async<Score> Metric::ascore(MetricInput input) const {
  if (one_) return score_one(one_, name_, input);
  if (all_) {
    return [](auto metric, std::string name, MetricInput one) -> Async<Score> {
      co_return score_batch(metric, name, {one}).front();
    }(all_, name_, input);
  }
  throw Error(Errc::config_error, "there is no metric; give `EvaluateOptions::metric` one");
}

Score Metric::operator()(const MetricInput& input) const {
  return wait(ascore(input));
}

Async<std::vector<Score>> Metric::ascore_all(std::vector<MetricInput> inputs) const {
  return [](Metric self, std::vector<MetricInput> all) -> Async<std::vector<Score>> {
    if (self.all_) co_return score_batch(self.all_, self.name_, all);
    std::vector<Score> out;
    out.reserve(all.size());
    for (const auto& input : all) out.push_back(co_await self.ascore(input));
    co_return out;
  }(*this, std::move(inputs));
}

}  // namespace dspy
