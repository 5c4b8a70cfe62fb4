#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/violation.hpp"

#include <memory>

namespace dspy {

/// Checks values against a JSON Schema, draft 2020-12; what older drafts say differently (`items` with a list,
/// `dependencies`) is understood too.  `format` is not checked.  References are followed within the schema only:
/// nothing is ever fetched.  Patterns are those of `Pattern`, whose time is bounded.  Copies share the schema;
/// thread-safe.
class SchemaValidator {
 public:
  /// Throws `Error` (`signature_error`) that names the place of a keyword that is used wrongly, a reference that leads
  /// nowhere or a pattern that cannot be read.
  explicit SchemaValidator(Json schema);

  /// What is wrong with `value`, in words that a model can act on; nothing if it keeps the schema.
  Violations check(const Json& value) const;
  bool accepts(const Json& value) const { return check(value).empty(); }
  const Json& schema() const noexcept;

 private:
  struct State;

  std::shared_ptr<const State> state_;
};

}  // namespace dspy
