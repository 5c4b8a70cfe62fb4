#include "server/resources/action_inputs.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/violation.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/json_schema.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/type.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {

std::vector<Field> action_inputs(const ResourceAction& action) {
  if (action.inputs.empty()) return {};
  auto read = attempt([&] { return Signature::parse(action.inputs + " -> done: bool"); });
  if (read) return std::move(read->inputs);
  throw Error(Errc::invalid_parameter,
              std::format("the inputs of the action `{}` are not notation: {}", action.name, read.error().what()));
}

JsonArray inputs_as_json(const ResourceAction& action) {
  JsonArray out;
  for (const auto& field : action_inputs(action)) {
    out.push_back(JsonObject{{"name", field.name},
                             {"type", to_notation(field.type)},
                             {"desc", field.description},
                             {"schema", to_json_schema(field.type).schema},
                             {"required", field.is_required()}});
  }
  return out;
}

JsonObject inputs_schema(const ResourceAction& action) {
  JsonObject properties;
  JsonArray required;
  for (const auto& field : action_inputs(action)) {
    properties[field.name] = to_json_schema(field.type).schema;
    if (field.is_required()) required.push_back(JsonString(field.name));
  }
  JsonObject out{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

JsonObject checked_inputs(const std::vector<Field>& fields, const JsonObject& body) {
  for (const auto& member : body) {
    const auto known = std::ranges::any_of(fields, [&](const Field& field) { return member.key() == field.name; });
    if (known) continue;
    std::vector<std::string> names;
    for (const auto& field : fields) names.push_back(field.name);
    throw Error(
        Errc::bad_input,
        std::format("`{}` is not an input of this action; {}", std::string(member.key()).substr(0, 64),
                    names.empty() ? "it takes none" : std::format("it takes {}", text::enumerate(names, "`", "and"))),
        {.invalid = {std::string(member.key())}});
  }
  JsonObject out;
  for (const auto& field : fields) {
    const auto* const value = body.if_contains(field.name);
    if (value == nullptr || (value->is_null() && !field.is_required())) {
      if (field.is_required())
        throw Error(Errc::bad_input,
                    std::format("the input `{}` is missing; it is of type {}", field.name, to_notation(field.type)),
                    {.missing = {field.name}});
      continue;
    }
    auto fitted = fit(field, *value);
    if (!fitted)
      throw Error(Errc::bad_input, to_sentence(fitted.error(), std::format("`{}`", field.name)),
                  {.invalid = {field.name}, .violations = fitted.error()});
    out[field.name] = *std::move(fitted);
  }
  return out;
}

}  // namespace dspy::server
