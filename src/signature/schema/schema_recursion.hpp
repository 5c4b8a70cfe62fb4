#pragma once

#include "dspy/signature/type.hpp"

#include <set>
#include <string_view>

// Objects that hold objects of their own type.  A schema keeps such an object under `$defs`, where it can refer to it.

namespace dspy::json_schema {

/// Adds the names of the objects in `type` that refer to themselves, also through others.
void note_recursive(const Type& type, std::set<std::string_view>& recursive);

/// True if the type refers to no object outside of it.
bool is_closed(const Type& type);

}  // namespace dspy::json_schema
