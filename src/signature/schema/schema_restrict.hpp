#pragma once

#include "schema_rules.hpp"

namespace dspy::json_schema {

/// The schema with only the keywords that the rules support, and a gap for each that was removed.
ExportedSchema restrict(ExportedSchema whole, const Rules& rules);

}  // namespace dspy::json_schema
