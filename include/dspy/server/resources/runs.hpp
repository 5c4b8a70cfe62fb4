#pragma once

#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <string>
#include <string_view>

namespace dspy::server {

/// What an evaluation does not know of itself.
struct RunInfo {
  std::string program = {};  ///< `triage`, `triage:3`, or a file.
  std::string dataset = {};
};

/// Keeps an evaluation as a run of the workspace, as `runs/<id>.json`.  With an empty `id` one is made from the time.
/// Returns the id.  Throws `Error` (`bad_input`) for an id that is not a name or is taken, (`io_error`).
std::string keep_run(const Workspace& workspace, std::string_view tenant, std::string id,
                     const EvaluationResult& result, const RunInfo& info);

/// How two runs on the same examples differ: `{"flips": [{"index", "a", "b", "inputs"}], "difference", "interval",
/// "p_value", "test", "a", "b", "n"}`, scores in percent.  Throws `Error` (`bad_input`) if they are of other examples.
JsonObject compare_runs(const EvaluationResult& a, const EvaluationResult& b);

}  // namespace dspy::server
