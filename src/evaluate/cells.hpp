#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <optional>
#include <string>

namespace dspy {

/// A table's cell as a value of its field, or as text without one.  Nothing for an empty cell that means no value; the
/// cell's text if it has another type, which value checks then report.
std::optional<Json> cell_value(const Field* field, const std::string& text);

}  // namespace dspy
