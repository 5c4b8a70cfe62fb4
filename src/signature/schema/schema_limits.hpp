#pragma once

#include "dspy/signature/json_schema.hpp"

#include <string>
#include <vector>

namespace dspy::json_schema {

/// Writes a type's limits as keywords, such as `minimum` and `maxLength`.  What no keyword expresses is a gap.
void write_limits(const Type& type, const std::string& path, JsonObject& out, std::vector<SchemaGap>& gaps);

}  // namespace dspy::json_schema
