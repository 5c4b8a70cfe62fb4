#pragma once

#include "dspy/base/json.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What values a field may hold.  A plain value; built from notation (`list[int]`) or from a C++ type.
struct Type {
  enum class Kind {
    string,    ///< `str`
    integer,   ///< `int`: 64 bits, signed
    number,    ///< `float`
    boolean,   ///< `bool`
    literal,   ///< `Literal['a', 'b', 3]`: one of `choices`
    list,      ///< `list[T]`: `arguments[0]` is T
    dict,      ///< `dict[K, V]`: `arguments` are K and V; K is `str`, `int` or a literal
    optional,  ///< `Optional[T]`: T or null
  };

  Kind kind = Kind::string;
  std::vector<Type> arguments = {};
  std::vector<Json> choices = {};  ///< Strings, integers or booleans, in the order they were declared.

  static Type string() { return {}; }
  static Type integer() { return {.kind = Kind::integer}; }
  static Type number() { return {.kind = Kind::number}; }
  static Type boolean() { return {.kind = Kind::boolean}; }
  static Type literal(std::vector<Json> choices);
  static Type list(Type item);
  static Type dict(Type key, Type value);
  static Type optional(Type inner);

  /// Reads DSPy's notation, such as `Optional[list[Literal['a', 'b']]]`.  Throws `Error`
  /// (`signature_error`) with the position.
  static Type parse(std::string_view notation);

  bool is_optional() const noexcept { return kind == Kind::optional; }
  /// The type itself, or what is inside an `Optional`.
  const Type& required() const noexcept { return is_optional() ? arguments[0].required() : *this; }

  bool operator==(const Type&) const = default;
};

/// The notation that `Type::parse` reads back to an equal type.
std::string to_notation(const Type& type);

/// Why a value does not fit a type, in a sentence's end: "is a string, not a number".
struct Mismatch {
  std::string reason;
};

/// Checks that `value` has the type, and turns what is the same in another spelling into the
/// declared one (an integer where a float is wanted).  Text is never read as a number here:
/// that is the reply reader's work.
std::expected<Json, Mismatch> fit(const Type& type, Json value);

}  // namespace dspy
