#pragma once

#include "dspy/signature/part_notes.hpp"
#include "dspy/signature/reflect.hpp"

// Notes for code that is written by a program, such as `dspy codegen`: they hold a field to more
// than its C++ type says.

namespace dspy {

/// The field's type, limits included, as notation: `of_type("Literal['low', 'high']")`.  The
/// member's C++ type must be able to hold its values.
struct of_type {
  NoteText notation;
  consteval explicit of_type(const char* text) : notation(text) {}
  void apply(Field& field) const { field.type = Type::parse(notation.data); }
};

/// What the field holds if a reply leaves it out, as JSON: `default_json("[1, 2]")`.
struct default_json {
  NoteText json;
  consteval explicit default_json(const char* text) : json(text) {}
  void apply(Field& field) const {
    if (auto value = parse_json(json.data)) field.default_value = *std::move(value);
  }
};

template <>
inline constexpr bool detail::is_about_type<of_type> = true;

/// A value that was written as JSON, for the initialiser of a member: `from_json<std::set<int>>("[1, 2]")`.
/// Throws `Error` (`parse_error`).
template <class T>
T from_json(std::string_view text) {
  return from_value<T>(parse_json(text).value_or(nullptr));
}

}  // namespace dspy
