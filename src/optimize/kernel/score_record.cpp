#include "optimize/kernel/score_record.hpp"

#include <utility>

namespace dspy::optimize {

JsonObject to_json(const ScoreRecord& record) {
  JsonObject out = {{"value", record.score.value}};
  if (!record.score.feedback.empty()) out["feedback"] = record.score.feedback;
  if (!record.score.objectives.empty()) {
    JsonObject objectives;
    for (const auto& [name, value] : record.score.objectives) objectives[name] = value;
    out["objectives"] = std::move(objectives);
  }
  if (record.failure) out["failure"] = *record.failure;
  return out;
}

ScoreRecord score_from_json(const JsonObject& written) {
  ScoreRecord out;
  if (const auto* const value = written.if_contains("value"); value != nullptr && value->is_number())
    out.score.value = value->to_number<double>();
  if (const auto* const text = written.if_contains("feedback"); text != nullptr && text->is_string())
    out.score.feedback = view(text->get_string());
  if (const auto* const all = written.if_contains("objectives"); all != nullptr && all->is_object()) {
    for (const auto& each : all->get_object()) out.score.objectives[each.key()] = each.value().to_number<double>();
  }
  if (const auto* const text = written.if_contains("failure"); text != nullptr && text->is_string())
    out.failure = view(text->get_string());
  return out;
}

}  // namespace dspy::optimize
