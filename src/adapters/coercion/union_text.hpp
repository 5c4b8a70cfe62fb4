#pragma once

#include "dspy/signature/type.hpp"

#include <string_view>

namespace dspy {

/// True if all of `text` is a list or an object, written as JSON or as Python does, and the union has an alternative of
/// that kind: then it is that alternative, or a mistake, but not the text of another one.
bool is_structure_of(const Type& type, std::string_view text);

}  // namespace dspy
