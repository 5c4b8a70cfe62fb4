#pragma once

#include "dspy/base/json.hpp"

#include <expected>
#include <string>
#include <string_view>

namespace dspy::llama {

/// Takes a literal of Python or JSON off the start of `text`: a text, a number, `True`, `None`, a list, a tuple, a
/// dictionary whose keys are texts; or says what is wrong, as the end of a sentence.
std::expected<Json, std::string> take_python_literal(std::string_view& text);

/// A value as a literal.
std::string python_literal(const Json& value);

}  // namespace dspy::llama
