#include "dspy/base/json.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/json_schema.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/type.hpp"

#include <chrono>
#include <format>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

JsonArray fields_json(const std::vector<Field>& fields) {
  JsonArray out;
  for (const auto& field : fields) {
    auto schema = to_json_schema(field.type).schema;
    schema.erase("$schema");  // it is a part of something
    JsonObject one = {{"name", field.name},
                      {"type", to_notation(field.type)},
                      {"desc", field.description},
                      {"schema", std::move(schema)},
                      {"required", field.is_required()}};
    if (field.default_value) one["default"] = *field.default_value;
    out.emplace_back(std::move(one));
  }
  return out;
}

}  // namespace

JsonObject to_json(const ServedProgram& program) {
  JsonArray predictors;
  program.program.for_each_predictor([&](const std::string& path, const Predictor&) { predictors.emplace_back(path); });
  return {{"name", program.name},
          {"version", program.version},
          {"source", program.source},
          {"loaded_at", std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(program.loaded_at))},
          {"signature", to_notation(program.signature)},
          {"instructions", program.signature.instructions},
          {"inputs", fields_json(program.signature.inputs)},
          {"outputs", fields_json(program.signature.outputs)},
          {"predictors", std::move(predictors)}};
}

}  // namespace dspy::server
