#pragma once

#include "adapters/sections/labels.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/signature.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// The line that asks for an output: `Label:`, and in parentheses what its description, type and
/// limits ask for.  What models are trained on, so every character counts.
void append_hint(std::string& out, const Field& field);

/// A value of a user turn, after the colon of its label and with the blank before it: strings
/// verbatim, a list of strings as numbered lines.  Lines that would read as labels are guarded.
void append_input(std::string& out, const Labels& labels, const Json& value);

/// A value of an assistant turn, the same way, but lists as JSON.  The reader reads it back.
void append_output(std::string& out, const Labels& labels, const Field& field, const Json& value);

}  // namespace dspy
