#pragma once

#include "dspy/signature/type.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace dspy {

/// One named, typed slot of a signature, as prompts, readers and optimizers see it.
struct Field {
  std::string name;
  Type type = {};
  std::string description = {};
  std::string label = {};  ///< What prompts call it.  `make_field` derives it from the name.

  std::optional<double> minimum = {};  ///< Inclusive, for numbers.
  std::optional<double> maximum = {};
  std::optional<std::size_t> min_length = {};  ///< Characters of a string, items of a list or dict.
  std::optional<std::size_t> max_length = {};
  std::optional<Json> default_value = {};

  /// A program cannot run without this input; a reply cannot be read without this output.
  bool is_required() const noexcept { return !type.is_optional() && !default_value; }

  bool operator==(const Field&) const = default;
};

/// A field whose label is its name in words (`order_id` → `Order id`).  Throws `Error`
/// (`signature_error`) if `name` is no identifier.
Field make_field(std::string name, Type type = {}, std::string description = {});

/// Throws `Error` (`signature_error`) unless the name is an identifier, the label is one line, and
/// limits and default agree with the type and with each other.
void validate(const Field& field);

/// `fit` for the field's type, and then its limits.
std::expected<Json, Mismatch> fit(const Field& field, Json value);

}  // namespace dspy
