#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <string>

namespace dspy {

/// Appends a value as Python DSPy writes it into sections: text verbatim, lists and objects as one
/// line of JSON with a blank after each `,` and `:`, and else Python's `str`: `True`, `None`, `2.0`.
/// A list in a field of type `str` becomes passages between guillemets, numbered if several.
void append_value(std::string& out, const Field& field, const Json& value);

/// JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it.
void append_python_json(std::string& out, const Json& value);

}  // namespace dspy
