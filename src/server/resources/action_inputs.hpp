#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/signature/field.hpp"

#include <vector>

namespace dspy::server {

/// The inputs that an action's notation names.  Throws `Error` (`invalid_parameter`).
std::vector<Field> action_inputs(const ResourceAction& action);

/// As the API tells of them: `{"name", "type", "desc", "schema", "required"}`.
JsonArray inputs_as_json(const ResourceAction& action);
/// JSON Schema of an action's body.
JsonObject inputs_schema(const ResourceAction& action);

/// The body of a call, each value of its type.  Throws `Error` (`bad_input`) that names the field for one that is
/// missing, unknown or of another type.
JsonObject checked_inputs(const std::vector<Field>& fields, const JsonObject& body);

}  // namespace dspy::server
