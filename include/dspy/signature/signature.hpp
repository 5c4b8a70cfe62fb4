#pragma once

#include "dspy/signature/field.hpp"

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

enum class Direction { input, output };

/// An output that is computed from the others once they were read.  The model does not see it.
struct Computed {
  Field field;
  std::function<Json(const JsonObject& outputs)> compute;

  /// Functions cannot be compared: those of equal fields are taken for equal.
  bool operator==(const Computed& other) const { return field == other.field; }
};

/// What a language model is asked to do: the fields it reads, the fields it writes, and the
/// instructions that join them.
///
/// A signature is a plain value.  Adapters render it, optimizers rewrite it.  Make one from
/// text or from a struct:
///
///     auto qa = Signature::parse("question, passages: list[str] -> answer: float");
///     auto qa = signature_of<AnswerQuestion>();
///
/// The editing functions return a changed copy and keep a field name unique across both sides;
/// a name that is taken, or missing, throws `Error` (`signature_error`).
struct Signature {
  std::string instructions = {};
  std::vector<Field> inputs = {};
  std::vector<Field> outputs = {};
  std::vector<Validator> validators = {};  ///< Checks of all outputs together, as an object.
  std::vector<Computed> computed = {};     ///< In the order in which they are computed; each sees those before it.

  /// Reads the arrow notation `name[: type], … -> name[: type], …`.  A field without a type is
  /// a `str`.  Throws `Error` (`signature_error`) that names the fault and its position.
  static Signature parse(std::string_view notation, std::string instructions = {});
  /// The same with types of one's own: `parse("text -> people: list[Person]", {}, {{"Person", person}})`.
  static Signature parse(std::string_view notation, std::string instructions, const NamedTypes& names);

  /// The field of that name, or null.
  const Field* find(std::string_view name) const noexcept;

  Signature with_instructions(std::string instructions) const;
  Signature append(Direction direction, Field field) const;
  Signature prepend(Direction direction, Field field) const;
  /// `index` counts within the side, a negative one from its end: -1 is behind the last field.
  Signature insert(Direction direction, int index, Field field) const;
  Signature delete_field(std::string_view name) const;
  Signature with_updated_field(std::string_view name, const std::function<void(Field&)>& change) const;

  bool operator==(const Signature&) const = default;
};

/// The arrow notation, types included: `question: str -> answer: float`.
std::string to_notation(const Signature& signature);

/// Throws `Error` (`signature_error`) unless there is an output, names are unique, and every
/// field is valid.
void validate(const Signature& signature);

/// Checks inputs before a call: every required one present, of its type and UTF-8, nothing that
/// the signature does not know.  An absent one gets its default, or null if it is optional.
/// Throws `Error` (`bad_input`) that names every field at fault.
JsonObject checked_inputs(const Signature& signature, JsonObject inputs);

/// Checks the outputs of a reply with `fit`, field by field, then with the signature's own validators.  An absent one
/// gets its default, or null if it is optional.  Returns them with the computed fields, or all violations; `path`
/// begins with the field's name, and is empty for a validator of the whole.
std::expected<JsonObject, Violations> fit(const Signature& signature, JsonObject outputs);

}  // namespace dspy
