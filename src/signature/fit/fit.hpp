#pragma once

#include "dspy/signature/field.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

// `fit` without a copy: changes `value` where it is, and appends what is wrong.  Then `value` may
// be changed in part.  True if nothing is.

bool fit_in_place(const Type& type, Json& value, Violations& violations);
/// Paths begin with the field's name.
bool fit_in_place(const Field& field, Json& value, Violations& violations);

/// The objects around a value, for the references in its type.
struct Scope {
  const Type& object;
  const Scope* outer = nullptr;
};

/// The innermost object named `name`; null if there is none.
const Scope* find_object(const Scope* scope, std::string_view name) noexcept;

/// How many values may be looked at to tell the members of unions apart.
inline constexpr int most_union_steps = 1'000'000;

/// `fit` for a value within such objects; counts on in `union_steps`.
std::expected<Json, Violations> fit(const Type& type, Json value, const Scope* scope, int& union_steps);

/// The type that the value has exactly; otherwise the first that it fits.
std::optional<std::size_t> alternative_of(std::span<const Type> types, const Json& value);

/// A member's name as the beginning of a path: `name`, or `["odd name"]`.
std::string path_of(std::string_view member);

/// The path of an element at `path` inside a member or an item: `price` within `line` is `line.price`.
std::string path_within(std::string_view member, std::string_view path);
std::string path_within(std::size_t index, std::string_view path);

/// True if the number is surely an integer that fits into 64 bits; then it is an int64.
bool make_integer(Json& value);

/// "`a`, `b` and 3 others".
std::string enumerated(const std::vector<Json>& choices);

/// What a violation keeps of a value.
Json value_at_fault(const Json& value);

/// "a string", "an integer", … .
std::string_view kind_of(const Json& value);

/// The value as text within a sentence: whole if it is short, and UTF-8 whatever it is.
std::string shown(const Json& value);

}  // namespace dspy
