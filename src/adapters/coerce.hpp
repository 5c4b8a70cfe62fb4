#pragma once

#include "adapters/flags.hpp"

#include "dspy/signature/field.hpp"

#include <expected>
#include <string_view>

namespace dspy {

/// Turns the text of a field into its value: the declared type in any spelling that can mean
/// only one thing, then the field's limits.  Every liberty is flagged.  What does not fit is a
/// `Mismatch` that quotes it; text is never turned into a value that it does not state.
std::expected<Json, Mismatch> coerce_text(const Field& field, std::string_view text, FlagList& flags);

/// The same for a value that a JSON reply holds.
std::expected<Json, Mismatch> coerce_json(const Field& field, Json value, FlagList& flags);

/// True if the text says that there is nothing: empty, `none`, `null`, `n/a`.
bool says_nothing(std::string_view text);

}  // namespace dspy
