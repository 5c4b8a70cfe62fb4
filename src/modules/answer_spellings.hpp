#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace dspy {

/// Ways to write an answer, of which there are `index` before it; adapters and types differ.  Answers of one output
/// have theirs in the same order.
std::vector<std::string> spellings_of(const Field& field, const Json& value, std::size_t index);

}  // namespace dspy
