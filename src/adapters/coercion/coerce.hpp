#pragma once

#include "adapters/coercion/repairs.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"
#include "signature/fit/fit.hpp"

#include <expected>
#include <string>
#include <string_view>

namespace dspy {

/// Why the text is not a value of the type.
struct Refusal {
  std::string reason = {};     ///< "`abc` is not a number"
  Violations violations = {};  ///< The same, each with its place.
  bool tells_place = false;    ///< The reason begins with the place too.

  // What was refused is a part of what is: puts that part's name in front of each place.
  void within(std::string_view member);
  void within(std::size_t index);
};

using Coerced = std::expected<Json, Refusal>;

/// "`value` is not a number", for the complaint "is not a number".
std::unexpected<Refusal> refuse(const Json& value, std::string_view complaint);
std::unexpected<Refusal> refuse(std::string_view text, std::string_view complaint);

/// For a reason that does not begin with the value.
std::unexpected<Refusal> refuse(const Json& value, std::string_view complaint, std::string reason);
std::unexpected<Refusal> refuse(std::string_view text, std::string_view complaint, std::string reason);

/// Reads what a model wrote for `field` as a value of its type and within its limits, and notes
/// each repair that was made.  Text that might mean two things is an error, never a guess.
/// `text` is trimmed.
Coerced coerce(const Field& field, std::string_view text, Repairs& repairs);

/// The same for a value that came as JSON.
Coerced coerce(const Field& field, Json value, Repairs& repairs);

// The same by a type alone; the limits are the caller's business.  `scope`: the objects around, for
// the references in the type.
Coerced coerce_text(const Type& type, std::string_view text, Repairs& repairs, const Scope* scope = nullptr);
Coerced coerce_json(const Type& type, Json value, Repairs& repairs, const Scope* scope = nullptr);

/// Leaves each item of a set in once.
void drop_repeats(const Type& type, JsonArray& items, Repairs& repairs);

/// A value of the right type that keeps the field's limits, or which it breaks; places begin with
/// the field's name.
Coerced within_limits(const Field& field, Coerced value);

/// Notes that members which the object lacks take their defaults.
void note_defaults(const Type& object, const JsonObject& members, Repairs& repairs);

/// True if null is a value of the type.
bool takes_null(const Type& type) noexcept;

/// True for the words that stand for "no value" in an optional field: nothing, `none`, `null`, `n/a`.
bool is_null_word(std::string_view text) noexcept;

}  // namespace dspy
