#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"

// Filters for Qdrant, and the parts of a payload that they use.

namespace dspy::remote {

/// The parts of a point's payload that filters use: `scalar`, `list` and `fields`.
JsonObject qdrant_fields(const Passage& passage);

/// A filter as the clauses of a request.  Throws `Error` (`unsupported`) for what Qdrant cannot express.
JsonObject qdrant_filter(const Filter& filter);

}  // namespace dspy::remote
