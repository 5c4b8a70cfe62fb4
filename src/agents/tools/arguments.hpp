#pragma once

#include "dspy/agents/schema_validator.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/violation.hpp"
#include "dspy/signature/type.hpp"

#include <expected>
#include <optional>
#include <string>

namespace dspy {

/// What the arguments of a tool must be, and how what a model wrote becomes that.
class ToolArguments {
 public:
  /// By a type, an object.
  explicit ToolArguments(Type type);
  /// By a JSON Schema.  Throws `Error` (`signature_error`).
  explicit ToolArguments(const JsonObject& schema);

  std::expected<JsonObject, Violations> checked(Json given) const;

  /// "`amount` (float), `from` (str) and optionally `to` (str)".
  const std::string& words() const noexcept { return words_; }

 private:
  std::expected<JsonObject, Violations> coerced(JsonObject given) const;
  std::expected<JsonObject, Violations> validated(JsonObject given) const;

  std::optional<Type> type_ = {};  ///< Absent where a schema is of no object.
  bool is_exact_ = true;           ///< The type refuses nothing that the schema allows.
  std::optional<SchemaValidator> validator_ = {};
  std::string words_ = {};
};

}  // namespace dspy
