#pragma once

#include "dspy/base/json.hpp"
#include "dspy/optimize/kernel/report.hpp"

#include <filesystem>
#include <vector>

namespace dspy::server {

/// `{"kind", "at", "candidate"?, "score"?, "best"?, "text"?, "requests", "tokens"?, "cost"?, "rollouts", "seconds"}`
JsonObject to_json(const optimize::Event& event);

/// The whole lines of a file of events; none if there is no file.
std::vector<JsonObject> read_events(const std::filesystem::path& path);

/// Appends a line.  Throws `Error` (`io_error`).
void append_event(const std::filesystem::path& path, const JsonObject& event);

}  // namespace dspy::server
