#pragma once

#include "dspy/signature/field.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dspy {

// `fit` without a copy: changes `value` where it is, and appends what is wrong.  Then `value` may
// be changed in part.  True if nothing is.

bool fit_in_place(const Type& type, Json& value, Violations& violations);
/// Paths begin with the field's name.
bool fit_in_place(const Field& field, Json& value, Violations& violations);

/// Which of the types the value has as it stands; else the first that it fits.
std::optional<std::size_t> alternative_of(std::span<const Type> types, const Json& value);

/// A member's name as the beginning of a path: `name`, or `["odd name"]`.
std::string path_of(std::string_view member);

/// True if the number is an integer that fits into 64 bits; then it is an int64.
bool make_integer(Json& value);

/// "a string", "an integer", … .
std::string_view kind_of(const Json& value);

/// The value as text within a sentence: whole if it is short, and UTF-8 whatever it is.
std::string shown(const Json& value);

}  // namespace dspy
