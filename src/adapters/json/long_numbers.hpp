#pragma once

#include "adapters/coercion/coerce.hpp"

#include <optional>
#include <string_view>

// Numbers that neither 64 bits nor a float hold.  The reader of JSON leaves their digits as text.

namespace dspy {

/// What is wrong with a text that is such a number.
std::optional<std::string_view> long_number_problem(std::string_view text);

/// The refusal of the first such text in `value`.
std::optional<Refusal> refuse_long_numbers(const Json& value);

}  // namespace dspy
