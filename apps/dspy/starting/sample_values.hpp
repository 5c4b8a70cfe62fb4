#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/type.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace dspy::app {

/// The `number`th made-up value of a type, to be replaced by a real one; nothing where none is found that keeps the
/// type's limits.
std::optional<Json> sample_value(const Field& field, std::size_t number);

/// Made-up values of all `fields`; nothing if one of them has none.
std::optional<JsonObject> sample_values(const std::vector<Field>& fields, std::size_t number);

}  // namespace dspy::app
