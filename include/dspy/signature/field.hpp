#pragma once

#include "dspy/signature/type.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// A check of one's own.  Its name is the `rule` of the violation.
struct Validator {
  std::string name;
  /// Nothing if the value is fine; else the end of a sentence, "is not a prime number".
  std::function<std::optional<std::string>(const Json& value)> check;

  /// Functions cannot be compared: validators of one name are taken for equal.
  bool operator==(const Validator& other) const { return name == other.name; }
};

/// One named, typed slot of a signature, as prompts, readers and optimizers see it; also a
/// member of an object type.
struct Field {
  std::string name;
  Type type = {};
  std::string description = {};
  std::string label = {};  ///< What prompts call it.  `make_field` derives it from the name.
  std::optional<Json> default_value = {};
  std::vector<Validator> validators = {};  ///< Run in order on a value that keeps type and limits.

  /// A program cannot run without this input; a reply cannot be read without this output.
  bool is_required() const noexcept { return !type.is_optional() && !default_value; }
  /// The limits of the type, or of what is inside an `Optional`.
  const Limits& limits() const noexcept { return *type.required().limits; }

  bool operator==(const Field&) const = default;
};

/// A field whose label is its name in words (`order_id` → `Order id`).  Throws `Error`
/// (`signature_error`) if `name` is not an identifier.
Field make_field(std::string name, Type type = {}, std::string description = {});

/// Throws `Error` (`signature_error`) unless the name is an identifier, the label is one line, and
/// type, limits and default agree with each other.
void validate(const Field& field);

/// `fit` for the field's type, and then its validators.
std::expected<Json, Violations> fit(const Field& field, Json value);

}  // namespace dspy
