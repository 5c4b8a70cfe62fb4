#include "programs/program_migration.hpp"

#include "programs/program_format.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace dspy::program_format {

void migrate(JsonObject& own, std::int64_t from) {
  if (from < 2) {
    // Version 1 held one predictor, its types as one arrow notation, and limits by field name.
    const auto take = [&](std::string_view name, const Json& fallback) {
      const auto* found = own.if_contains(name);
      Json value = found == nullptr ? fallback : *found;
      own.stable_erase(name);
      return value;
    };
    const auto module = take("module", "Predict");
    const auto notation = take("signature", "");
    const auto limits = take("fields", JsonObject());
    const auto adapter = take("adapter", "");
    if (!notation.is_string() || !limits.is_object()) throw Error(Errc::config_error, "its version 1 part is damaged");
    const auto signature = Signature::parse(view(notation.get_string()));
    const auto side = [&](const std::vector<Field>& fields) {
      JsonArray out;
      for (const auto& field : fields) {
        auto written = field_to_json(field);
        if (const auto* own_limits = limits.get_object().if_contains(field.name); own_limits && own_limits->is_object())
          written.insert(own_limits->get_object().begin(), own_limits->get_object().end());
        out.push_back(std::move(written));
      }
      return out;
    };
    JsonObject predictor{
        {"inputs", side(signature.inputs)}, {"outputs", side(signature.outputs)}, {"adapter", adapter}};
    own["predictors"] = JsonObject{{module == "ChainOfThought" ? "predict" : "self", std::move(predictor)}};
  }
}

}  // namespace dspy::program_format
