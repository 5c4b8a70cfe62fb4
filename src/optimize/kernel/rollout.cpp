#include "dspy/optimize/kernel/rollout.hpp"

#include "dspy/base/sha256.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/configure.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/signature.hpp"
#include "lm/json/sampling_json.hpp"

#include <format>

namespace dspy::optimize {
namespace {

JsonObject to_json(const TraceStep& step) {
  return {{"path", step.path}, {"inputs", step.inputs}, {"outputs", step.prediction.data}};
}

void add_field(JsonArray& out, const Field& field) {
  out.emplace_back(field.description);
  out.emplace_back(field.label);
}

/// All that bears on what a predictor asks.
JsonArray shape_of(const std::string& path, const Predictor& predictor) {
  const auto defaults = predictor.lm() && predictor.adapter() ? Settings() : settings();
  const auto& lm = predictor.lm() ? predictor.lm() : defaults.lm;
  const auto& adapter = predictor.adapter() ? predictor.adapter() : defaults.adapter;
  const auto& signature = predictor.signature();
  JsonArray out = {path, to_notation(signature), signature.instructions, lm ? lm->fingerprint() : "",
                   adapter ? adapter->name() : ""};
  for (const auto& field : signature.inputs) add_field(out, field);
  for (const auto& field : signature.outputs) add_field(out, field);
  for (const auto& demo : predictor.demos()) out.emplace_back(demo.data);
  out.emplace_back(dspy::to_json(predictor.sampling()));
  for (const auto& [name, settings] : predictor.decisions())
    out.emplace_back(JsonObject{{name, dspy::to_json(settings)}});
  const auto& policy = predictor.policy();
  out.emplace_back(std::format("{} {} {} {}", policy.rewrite, policy.ask_again, static_cast<int>(policy.finally),
                               policy.fallback ? policy.fallback->name() : ""));
  return out;
}

Error damaged(std::string_view kind, std::string_view name) {
  return {Errc::config_error,
          std::format("a run in the checkpoint has no {} `{}`; the file was changed by something else", kind, name)};
}

JsonObject object_at(const JsonObject& written, std::string_view name) {
  const auto* const value = written.if_contains(name);
  if (value == nullptr || !value->is_object()) throw damaged("object", name);
  return value->get_object();
}

std::string text_at(const JsonObject& written, std::string_view name) {
  const auto* const value = written.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(view(value->get_string()));
}

}  // namespace

JsonObject to_json(const Rollout& rollout) {
  JsonObject out;
  out["outputs"] = rollout.prediction.data;
  if (!rollout.prediction.completion.empty()) out["completion"] = rollout.prediction.completion;
  if (!rollout.prediction.reasoning.empty()) out["reasoning"] = rollout.prediction.reasoning;
  if (!rollout.prediction.probabilities.empty()) {
    JsonObject probabilities;
    for (const auto& [name, value] : rollout.prediction.probabilities) probabilities[name] = value;
    out["probabilities"] = std::move(probabilities);
  }
  JsonArray steps;
  for (const auto& step : rollout.steps) steps.emplace_back(to_json(step));
  out["steps"] = std::move(steps);
  if (rollout.failure) out["failure"] = *rollout.failure;
  if (rollout.failed) {
    out["failed"] = JsonObject{{"path", rollout.failed->path},
                               {"inputs", rollout.failed->inputs},
                               {"raw", rollout.failed->raw},
                               {"reason", rollout.failed->reason}};
  }
  out["usage"] = dspy::to_json(rollout.usage);
  out["seconds"] = rollout.seconds;
  return out;
}

Rollout rollout_from_json(const JsonObject& written) {
  Rollout out;
  out.prediction.data = object_at(written, "outputs");
  out.prediction.completion = text_at(written, "completion");
  out.prediction.reasoning = text_at(written, "reasoning");
  if (written.contains("probabilities")) {
    for (const auto& each : object_at(written, "probabilities")) {
      if (!each.value().is_number()) throw damaged("number", each.key());
      out.prediction.probabilities[each.key()] = each.value().to_number<double>();
    }
  }
  if (const auto* const steps = written.if_contains("steps"); steps != nullptr && steps->is_array()) {
    for (const auto& each : steps->get_array()) {
      if (!each.is_object()) throw damaged("list of objects", "steps");
      const auto& step = each.get_object();
      out.steps.push_back({.path = text_at(step, "path"),
                           .inputs = object_at(step, "inputs"),
                           .prediction = {.data = object_at(step, "outputs")}});
    }
  }
  if (written.contains("failure")) out.failure = text_at(written, "failure");
  if (written.contains("failed")) {
    const auto failed = object_at(written, "failed");
    out.failed = FailedStep{.path = text_at(failed, "path"),
                            .inputs = object_at(failed, "inputs"),
                            .raw = text_at(failed, "raw"),
                            .reason = text_at(failed, "reason")};
  }
  out.usage = usage_from_json(object_at(written, "usage"));
  out.prediction.lm_usage = out.usage;
  if (const auto* const seconds = written.if_contains("seconds"); seconds != nullptr && seconds->is_number())
    out.seconds = seconds->to_number<double>();
  return out;
}

std::string digest(const Program& program) {
  JsonArray all;
  program.for_each_predictor(
      [&](const std::string& path, const Predictor& predictor) { all.emplace_back(shape_of(path, predictor)); });
  return sha256(to_text(all));
}

std::string digest(const Example& example) {
  std::string text = to_text(example.data);
  for (const auto& key : example.input_keys) text.append("\n").append(key);
  return sha256(text);
}

std::size_t prompt_size(const Program& program) {
  std::size_t size = 0;
  program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    const auto& signature = predictor.signature();
    size += signature.instructions.size();
    for (const auto& field : signature.inputs) size += field.description.size() + field.label.size();
    for (const auto& field : signature.outputs) size += field.description.size() + field.label.size();
    for (const auto& demo : predictor.demos()) size += to_text(demo.data).size();
  });
  return size;
}

JsonObject prompts_of(const Program& program) {
  JsonObject out;
  program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    JsonArray demos;
    for (const auto& demo : predictor.demos()) demos.emplace_back(demo.data);
    out[path] = JsonObject{{"instructions", predictor.signature().instructions}, {"demos", std::move(demos)}};
  });
  return out;
}

}  // namespace dspy::optimize
