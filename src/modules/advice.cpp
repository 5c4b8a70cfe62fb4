#include "dspy/modules/detail/advice.hpp"

#include "dspy/base/json.hpp"

#include <format>
#include <string>
#include <utility>

namespace dspy::detail {
namespace {

std::string described(const std::vector<std::pair<std::string, Signature>>& modules) {
  std::string out;
  for (const auto& [path, signature] : modules) {
    out += std::format("Module {}: {}\n", path, to_notation(signature));
    if (!signature.instructions.empty()) out += std::format("  Instructions: {}\n", signature.instructions);
  }
  return out;
}

std::string shown(const std::vector<TraceStep>& steps) {
  std::string out;
  for (const auto& step : steps) {
    out += std::format("Module {} was given {} and answered {}\n", step.path, to_text(Json(step.inputs)),
                       to_text(Json(step.prediction.data)));
  }
  return out;
}

JsonArray names_of(const std::vector<std::pair<std::string, Signature>>& modules) {
  JsonArray out;
  for (const auto& [path, signature] : modules) out.emplace_back(path);
  return out;
}

}  // namespace

Signature advice_signature() {
  return Signature::parse(
      "program, program_inputs, trajectory, program_outputs, reward: float, threshold: float, feedback, "
      "module_names: list[str] -> discussion, advice: dict[str, str]",
      "A program of several modules was run, and its result was given a reward below the threshold. Say which modules "
      "are to blame, and what each of them should do differently when it is given inputs like these. Write concrete "
      "advice that a module can follow without seeing the rest. Advise only modules named in `module_names`; to one "
      "that did nothing wrong, advise N/A.");
}

Async<Advice> advise(Predictor advisor, WeakRun run, CallOptions options) {
  JsonObject inputs{{"program", described(run.modules)},
                    {"program_inputs", to_text(Json(std::move(run.inputs)))},
                    {"trajectory", shown(run.steps)},
                    {"program_outputs", to_text(Json(std::move(run.outputs)))},
                    {"reward", run.reward},
                    {"threshold", run.threshold},
                    {"feedback", run.feedback.empty() ? "none" : run.feedback},
                    {"module_names", names_of(run.modules)}};
  Run how{.options = std::move(options)};
  const auto prediction = co_await advisor.run(std::move(inputs), std::move(how));
  Advice out;
  if (const auto* const advice = prediction.get("advice"); advice != nullptr && advice->is_object()) {
    for (const auto& hint : advice->get_object()) {
      if (!hint.value().is_string()) continue;
      auto text = std::string(view(hint.value().get_string()));
      if (!text.empty() && text != "N/A") out.emplace(hint.key(), std::move(text));
    }
  }
  co_return out;
}

Signature with_hint(const Signature& signature, const std::string& hint) {
  auto field = make_field("hint_", {}, "A hint from an earlier run, on how to do better.");
  field.label = "Hint";
  field.default_value = Json(hint);
  return signature.append(Direction::input, std::move(field));
}

}  // namespace dspy::detail
