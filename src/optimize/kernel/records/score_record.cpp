#include "optimize/kernel/records/score_record.hpp"

#include "dspy/base/error.hpp"

#include <format>
#include <string_view>
#include <utility>

namespace dspy::optimize {
namespace {

double number_of(const Json* value, std::string_view name) {
  if (value != nullptr && value->is_number()) return value->to_number<double>();
  throw Error(Errc::config_error, std::format("a score in the checkpoint has no number `{}`; the file was changed by "
                                              "something else: remove it to begin anew, or name another file",
                                              name));
}

}  // namespace

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
  out.score.value = number_of(written.if_contains("value"), "value");
  if (const auto* const text = written.if_contains("feedback"); text != nullptr && text->is_string())
    out.score.feedback = view(text->get_string());
  if (const auto* const all = written.if_contains("objectives"); all != nullptr && all->is_object()) {
    for (const auto& each : all->get_object()) out.score.objectives[each.key()] = number_of(&each.value(), each.key());
  }
  if (const auto* const text = written.if_contains("failure"); text != nullptr && text->is_string())
    out.failure = view(text->get_string());
  return out;
}

}  // namespace dspy::optimize
