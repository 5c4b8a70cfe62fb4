#pragma once

#include "adapters/liberties.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <expected>
#include <string>
#include <string_view>

namespace dspy {

/// A value of the wanted type, or why there is none: "`abc` is not a number".
using Coerced = std::expected<Json, std::string>;

/// Reads what a model wrote for `field` as a value of its type and within its limits, and notes
/// each liberty that took.  Text that might mean two things is an error, never a guess.
/// `text` is trimmed.
Coerced coerce(const Field& field, std::string_view text, Liberties& liberties);

/// The same for a value that came as JSON.
Coerced coerce(const Field& field, Json value, Liberties& liberties);

/// The same for a part of a value: by its type alone.
Coerced coerce_text(const Type& type, std::string_view text, Liberties& liberties);

/// A value of the right type that keeps the field's limits, or which it breaks.
Coerced within_limits(const Field& field, Coerced value);

/// True for the words that stand for "no value" in an optional field: nothing, `none`, `null`, `n/a`.
bool is_null_word(std::string_view text) noexcept;

}  // namespace dspy
