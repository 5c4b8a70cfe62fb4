#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

// Reading JSON of which nothing is certain: a member of another kind than expected counts as absent.

namespace dspy::providers {

/// The member, unless it is absent or null.
const Json* member_at(const JsonObject& object, std::string_view name) noexcept;
const JsonObject* object_at(const JsonObject& object, std::string_view name) noexcept;
const JsonArray* array_at(const JsonObject& object, std::string_view name) noexcept;
/// Empty if there is no such text.
std::string_view text_at(const JsonObject& object, std::string_view name) noexcept;
/// Absent unless it is a whole number from 0.
Usage::Count count_at(const JsonObject& object, std::string_view name) noexcept;
std::optional<double> number_at(const JsonObject& object, std::string_view name) noexcept;

/// The members but those, and but nulls.
JsonObject without(const JsonObject& object, std::initializer_list<std::string_view> names);

/// Appends to the text that is a member, which is made if it is absent or no text.
void append_text_at(JsonObject& object, std::string_view name, std::string_view more);

/// Puts the members of `more` into `into`, objects member by member; what is there is replaced.
void merge(JsonObject& into, const JsonObject& more);

/// The arguments of a tool call from the text of a JSON object; nothing if it is not one.  A blank text is not valid.
std::optional<JsonObject> arguments_of(std::string_view text);

}  // namespace dspy::providers
