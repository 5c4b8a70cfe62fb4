#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/type.hpp"

#include <string_view>

namespace dspy {

/// True if an object of that type, or one in it, has a member of that name, and `value` lacks it: if an enclosing
/// object has the name, the inner one may have been closed too early.
bool lacks_member(const Type& type, const Json& value, std::string_view name);

}  // namespace dspy
