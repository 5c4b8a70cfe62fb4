#pragma once

#include "agents/schema/schema_index.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/violation.hpp"

namespace dspy {

/// What is wrong with `value` by a schema, whose index is given; the first twenty things.
Violations check_schema(const SchemaIndex& index, const Json& schema, const Json& value);

}  // namespace dspy
