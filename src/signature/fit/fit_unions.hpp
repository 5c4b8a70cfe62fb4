#pragma once

#include "fit.hpp"

#include <string>

// Why a value fits no type of a union.

namespace dspy {

/// The one alternative that has the value's JSON kind, so that its violations are worth reporting; null if there is
/// none, or several.
const Type* alternative_like(const Type& union_type, const Json& value, const Scope* scope);

/// "is a string, which fits none of `int` and `bool`".
std::string fits_none_of(const Type& union_type, const Json& value);

}  // namespace dspy
