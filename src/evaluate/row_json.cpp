#include "evaluate/row_json.hpp"

#include "dspy/base/error.hpp"

#include <cmath>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

[[noreturn]] void reject(std::string_view member) {
  throw Error(Errc::config_error, std::format("`{}` is missing or not as it was written", member));
}

const Json& member(const JsonObject& from, std::string_view name) {
  if (const auto* const value = from.if_contains(name)) return *value;
  reject(name);
}

double number(const JsonObject& from, std::string_view name) {
  const auto& value = member(from, name);
  if (!value.is_number()) reject(name);
  return value.to_number<double>();
}

const JsonObject* object(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) reject(name);
  return &value->get_object();
}

std::string text(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  if (value == nullptr) return {};
  if (!value->is_string()) reject(name);
  return std::string(view(value->get_string()));
}

bool is_set(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  if (value != nullptr && !value->is_bool()) reject(name);
  return value != nullptr && value->get_bool();
}

void put(JsonObject& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out[name] = value;
}

Errc code_of(std::string_view kind) {
  for (int i = 0; i <= static_cast<int>(Errc::cancelled); ++i) {
    if (to_string(static_cast<Errc>(i)) == kind) return static_cast<Errc>(i);
  }
  reject("error.kind");
}

JsonObject numbers(const std::map<std::string, double>& values) {
  JsonObject out;
  for (const auto& [name, value] : values) out[name] = value;
  return out;
}

std::map<std::string, double> numbers_from(const JsonObject& from, std::string_view name) {
  std::map<std::string, double> out;
  if (const auto* const values = object(from, name)) {
    for (const auto& value : *values) out[std::string(value.key())] = number(*values, value.key());
  }
  return out;
}

void prediction_to_json(const Prediction& prediction, JsonObject& out) {
  out["outputs"] = prediction.data;
  put(out, "completion", prediction.completion);
  put(out, "reasoning", prediction.reasoning);
  put(out, "adapter", prediction.adapter);
  if (!prediction.probabilities.empty()) out["probabilities"] = numbers(prediction.probabilities);
  if (!prediction.flags.empty()) {
    JsonArray flags;
    for (const auto& flag : prediction.flags)
      flags.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
    out["flags"] = std::move(flags);
  }
}

Prediction prediction_from_json(const JsonObject& written) {
  Prediction out;
  if (const auto* const outputs = object(written, "outputs")) out.data = *outputs;
  out.completion = text(written, "completion");
  out.reasoning = text(written, "reasoning");
  out.adapter = text(written, "adapter");
  out.probabilities = numbers_from(written, "probabilities");
  if (const auto* const flags = written.if_contains("flags")) {
    if (!flags->is_array()) reject("flags");
    for (const auto& flag : flags->get_array()) {
      if (!flag.is_object()) reject("flags");
      out.flags.push_back({text(flag.get_object(), "field"), text(flag.get_object(), "repair")});
    }
  }
  return out;
}

}  // namespace

JsonObject row_to_json(const EvaluatedRow& row) {
  JsonObject out{{"index", row.index}, {"score", row.score.value}};
  put(out, "feedback", row.score.feedback);
  if (!row.score.objectives.empty()) out["objectives"] = numbers(row.score.objectives);
  if (row.error) out["error"] = JsonObject{{"kind", to_string(row.error->code())}, {"message", row.error->what()}};
  if (row.metric_failed) out["metric_failed"] = true;
  if (!row.error || row.metric_failed) prediction_to_json(row.prediction, out);
  out["usage"] = to_json(row.usage);
  out["seconds"] = row.seconds;
  return out;
}

void row_from_json(const JsonObject& written, EvaluatedRow& row) {
  row.score = {.value = number(written, "score"),
               .feedback = text(written, "feedback"),
               .objectives = numbers_from(written, "objectives")};
  if (const auto* const error = object(written, "error"))
    row.error.emplace(code_of(text(*error, "kind")), text(*error, "message"));
  row.metric_failed = is_set(written, "metric_failed");
  row.prediction = prediction_from_json(written);
  if (const auto* const usage = object(written, "usage")) row.usage = usage_from_json(*usage);
  row.prediction.lm_usage = row.usage;
  row.seconds = number(written, "seconds");
  row.is_done = true;
}

JsonArray trace_to_json(const std::vector<TraceStep>& trace) {
  JsonArray out;
  for (const auto& step : trace) {
    JsonObject one{{"path", step.path}, {"inputs", step.inputs}};
    prediction_to_json(step.prediction, one);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace dspy
