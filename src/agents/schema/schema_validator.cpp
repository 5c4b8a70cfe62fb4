#include "dspy/agents/schema_validator.hpp"

#include "agents/schema/schema_check.hpp"
#include "agents/schema/schema_index.hpp"

#include <utility>

namespace dspy {

struct SchemaValidator::State {
  Json schema;
  SchemaIndex index;

  explicit State(Json given) : schema(std::move(given)), index(schema) {}
};

SchemaValidator::SchemaValidator(Json schema) : state_(std::make_shared<const State>(std::move(schema))) {}

Violations SchemaValidator::check(const Json& value) const {
  return check_schema(state_->index, state_->schema, value);
}

const Json& SchemaValidator::schema() const noexcept {
  return state_->schema;
}

}  // namespace dspy
