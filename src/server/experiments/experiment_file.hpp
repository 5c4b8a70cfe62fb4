#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

// An experiment is a file `experiments/<id>.json`: `{"program", "metric", "arms": [{"name", "version", "weight"}],
// "smallest_effect", "state", "started_at", "stopped_at"?}`.

namespace dspy::server {

std::filesystem::path experiment_path(const Workspace& workspace, std::string_view tenant, std::string_view id);

/// With its `id`; nothing if it does not exist.  Throws `Error` (`io_error`) if it is damaged.
std::optional<JsonObject> read_experiment(const Workspace& workspace, std::string_view tenant, std::string_view id);

/// A member that is a text, else an empty one.
std::string experiment_text(const JsonObject& from, std::string_view name);

}  // namespace dspy::server
