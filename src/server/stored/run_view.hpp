#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

namespace dspy::server {

/// A run of an optimizer that a server started (`optimizations/<id>.run`), from its settings and its events: the best
/// score over what it took, and the candidates as far as events tell of them.  `is_running` is what only the server
/// that runs it knows.
JsonObject run_view(const WorkspaceEntry& settings, bool is_running);

/// The same for lists.
JsonObject run_summary(const WorkspaceEntry& settings, bool is_running);

}  // namespace dspy::server
