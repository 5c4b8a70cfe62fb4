#include "result_json.hpp"

#include "dspy/lm/exchange_json.hpp"

#include <utility>

namespace dspy::app {

JsonArray to_json(const std::vector<Flag>& flags) {
  JsonArray out;
  for (const auto& flag : flags) out.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
  return out;
}

JsonObject to_json(const Chat& messages) {
  JsonArray out;
  for (const auto& message : messages) {
    out.push_back(dspy::to_json(message));
  }
  return {{"messages", std::move(out)}};
}

JsonObject to_json(const Prediction& prediction) {
  JsonObject out{{"outputs", prediction.data},
                 {"usage", dspy::to_json(prediction.lm_usage)},
                 {"flags", to_json(prediction.flags)}};
  if (!prediction.unenforced.empty())
    out["unenforced"] = JsonArray(prediction.unenforced.begin(), prediction.unenforced.end());
  if (!prediction.violations.empty()) out["violations"] = dspy::to_json(prediction.violations);
  if (prediction.failures.empty()) return out;
  JsonArray failures;
  for (const auto& [name, completion, reason, violations] : prediction.failures) {
    failures.push_back(JsonObject{
        {"adapter", name}, {"completion", completion}, {"reason", reason}, {"violations", dspy::to_json(violations)}});
  }
  out["failures"] = std::move(failures);
  return out;
}

JsonObject error_object(const Error& error) {
  return {{"error", dspy::to_json(error)}};
}

}  // namespace dspy::app
