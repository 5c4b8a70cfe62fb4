#pragma once

#include "dspy/signature/type.hpp"

#include <optional>
#include <string>

// The JSON of DSPy's own types (`Image`, `History`, `ToolCalls`, …), in addition to `shape_of`.

namespace dspy::shapes {

/// Turns the shorter spellings into the declared one: a URL alone is an image, a list of calls
/// is `ToolCalls`.  True if it changed something.
bool respell(Type::Kind kind, Json& value);

/// What is wrong with a value whose members have their types, such as two sources of one image.
std::optional<std::string> problem_of(Type::Kind kind, const JsonObject& value);

}  // namespace dspy::shapes
