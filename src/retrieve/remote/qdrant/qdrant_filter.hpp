#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"

// Filters as Qdrant has them, and what of a passage they look at.

namespace dspy::remote {

/// What a point's payload has beside the passage for filters: `scalar`, `list` and `fields`.
JsonObject qdrant_fields(const Passage& passage);

/// A filter as requests have it: of clauses.  Throws `Error` (`unsupported`) for what Qdrant cannot express.
JsonObject qdrant_filter(const Filter& filter);

}  // namespace dspy::remote
