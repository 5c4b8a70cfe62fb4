#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/shared.hpp"
#include "dspy/base/violation.hpp"
#include "dspy/signature/limits.hpp"

#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

struct Field;
struct Type;

/// Types by name, for notation that uses them: `Type::parse("list[Person]", {{"Person", person}})`.
using NamedTypes = std::map<std::string, Type, std::less<>>;

/// What values a field may hold.  A plain value; built from notation (`list[int]`), from a C++
/// type or by the functions below.  Copies share their large parts.
struct Type {
  enum class Kind {
    string,    ///< `str`
    integer,   ///< `int`: 64 bits, signed
    number,    ///< `float`
    boolean,   ///< `bool`
    null_,     ///< `None`
    any,       ///< `Any`: any JSON value
    literal,   ///< `Literal['a', 'b', 3]`: one of `choices`.  An enumeration has a `name` too
    list,      ///< `list[T]`: `arguments[0]` is T.  `set[T]` is a list with the limit `unique_items`
    tuple,     ///< `tuple[A, B]`: one value for each of `arguments`
    dict,      ///< `dict[K, V]`: `arguments` are K and V; K is `str`, `int` or a literal
    optional,  ///< `Optional[T]`: T or null
    union_,    ///< `A | B`: one of `arguments`, none of which is a union or null
    object,    ///< `Person{name: str, age: int}`: `members`; `arguments[0]`, if there, is the type of all other members
    reference,  ///< Inside of an object: the enclosing object called `name`
    date,       ///< `datetime.date`: "2026-11-21"
    datetime,   ///< `datetime.datetime`: RFC 3339, "2026-11-21T06:48:00Z"; without an offset, a local time
    time,       ///< `datetime.time`: "06:48:00", with or without an offset, "06:48:00+02:00"
    duration,   ///< `datetime.timedelta`: ISO 8601, "PT1H30M"
    bytes,      ///< `bytes`: base64
    // The rest are DSPy's own types.  `shape_of` returns their JSON form.
    image,
    audio,
    file,
    history,
    code,  ///< `Code["python"]`: the language is the `name`, which may be empty
    reasoning,
    document,
    citations,
    tool,
    tool_calls,
  };

  Kind kind = Kind::string;
  std::vector<Type> arguments = {};
  std::vector<Json> choices = {};  ///< Strings, integers or booleans, in the order they were declared.
  /// For an enumeration: the label of each choice, one for each of `choices`, or none.
  std::vector<std::string> labels = {};
  std::string name = {};
  Shared<Limits> limits = {};  ///< Read `limits->ge`; write `limits = {.ge = 0}` or `limits.edit().ge = 0`.
  Shared<std::vector<Field>> members = {};

  static Type string(Limits limits = {});
  static Type integer(Limits limits = {});
  static Type number(Limits limits = {});
  static Type boolean() { return {.kind = Kind::boolean}; }
  static Type any() { return {.kind = Kind::any}; }
  static Type literal(std::vector<Json> choices);
  /// `labels` may be empty.
  static Type enumeration(std::string name, std::vector<Json> choices, std::vector<std::string> labels = {});
  static Type list(Type item, Limits limits = {});
  static Type set(Type item) { return list(std::move(item), {.unique_items = true}); }
  static Type tuple(std::vector<Type> items);
  static Type dict(Type key, Type value, Limits limits = {});
  /// `Optional[Optional[T]]` is `Optional[T]`.
  static Type optional(Type inner);
  /// Flattens unions within, drops repetitions and makes it `Optional` if `None` is among them;
  /// of a single type, that type.
  static Type union_of(std::vector<Type> alternatives);
  /// A name may be empty; one that is not can be referred to from inside.
  static Type object(std::string name, std::vector<Field> members);
  static Type reference(std::string name) { return {.kind = Kind::reference, .name = std::move(name)}; }
  static Type code(std::string language) { return {.kind = Kind::code, .name = std::move(language)}; }

  /// Reads DSPy's notation, such as `Optional[list[Literal['a', 'b']]]`.  Throws `Error`
  /// (`signature_error`) with the position.
  static Type parse(std::string_view notation);
  static Type parse(std::string_view notation, const NamedTypes& names);

  bool is_optional() const noexcept { return kind == Kind::optional; }
  /// The type itself, or what is inside an `Optional`.
  const Type& required() const noexcept { return is_optional() ? arguments[0].required() : *this; }

  bool operator==(const Type& other) const;
};

/// The notation that `Type::parse` reads back to an equal type.  Limits are written as in
/// Python, `Annotated[int, Field(ge=0)]`; an object with its members where it first appears.
/// (Validators, which are functions, cannot be written.)
std::string to_notation(const Type& type);

/// The notation without limits and members, `list[Person]`: what people and prompts call the type.
std::string annotation_name(const Type& type);

/// The JSON form of one of DSPy's own types, as a type of plain kinds; any other type is returned as it is.  Media hold
/// exactly one of their sources.
const Type& shape_of(const Type& type);

/// Adds `limits` to a type, to the value type of an optional, or to the members of a union that they apply to.  Throws
/// `Error` (`signature_error`) if they apply to none.
Type with_limits(Type type, const Limits& limits);

/// The type without limits, in all of its parts; a set stays one.
Type without_limits(Type type);

/// Throws `Error` (`signature_error`) unless every part is there and no limits contradict each
/// other, and a recursive type has values (a base).
void validate(const Type& type);

/// Checks that `value` has the type and satisfies its limits, and normalises equivalent values (an integer where a
/// float is expected, a missing member with a default).  Text is never read as a number here: that is the reply
/// reader's job.
std::expected<Json, Violations> fit(const Type& type, Json value);

}  // namespace dspy
