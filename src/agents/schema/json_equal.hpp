#pragma once

#include "dspy/base/json.hpp"

namespace dspy {

/// Equality as JSON Schema has it: numbers by what they are worth, objects in any order.
bool json_equal(const Json& a, const Json& b) noexcept;

}  // namespace dspy
