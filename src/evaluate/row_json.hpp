#pragma once

#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"

namespace dspy {

/// `{"index", "score", "outputs", "error"?, …}`: what a checkpoint's line and a report say of a finished row, without
/// the example.
JsonObject row_to_json(const EvaluatedRow& row);

/// Sets on `row` what `row_to_json` wrote of it, but for its trace.  Throws `Error` (`config_error`) that names a
/// member which is not as written.
void row_from_json(const JsonObject& written, EvaluatedRow& row);

JsonArray trace_to_json(const std::vector<TraceStep>& trace);

}  // namespace dspy
