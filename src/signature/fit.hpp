#pragma once

#include "dspy/signature/field.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy {

// `fit` without a copy: changes `value` where it is, and returns the reason if it does not fit.
// Then `value` may be changed in part.

std::optional<std::string> fit_in_place(const Type& type, Json& value);
std::optional<std::string> fit_in_place(const Field& field, Json& value);

/// "a string", "an integer", … .
std::string_view kind_of(const Json& value);

/// The value as text within a sentence: whole if it is short, and UTF-8 whatever it is.
std::string shown(const Json& value);

}  // namespace dspy
