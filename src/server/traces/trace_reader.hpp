#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "dspy/storage/database.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dspy::server {

// Questions to a trace store's file.  Throw what `TraceStore` says.

TracePage list_traces(storage::Database& database, const TraceQuery& query);
std::optional<JsonObject> read_trace(storage::Database& database, const std::string& tenant, const std::string& id);
bool has_trace(storage::Database& database, const std::string& tenant, const std::string& id);
std::vector<Feedback> read_feedback(storage::Database& database, const std::string& tenant, const std::string& trace,
                                    std::size_t limit);

}  // namespace dspy::server
