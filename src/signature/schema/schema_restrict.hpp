#pragma once

#include "schema_rules.hpp"

namespace dspy::json_schema {

/// The schema with only those keywords that the rules know, and what had to go.
ExportedSchema restrict(ExportedSchema whole, const Rules& rules);

}  // namespace dspy::json_schema
