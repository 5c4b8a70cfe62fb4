#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/routes.hpp"

#include <optional>
#include <string>
#include <string_view>

// Errors of calls that have a trace tell its id, in a header and in the body, as answers do.

namespace dspy::server {

inline constexpr std::string_view trace_header = "dspy-trace-id";

/// The error as one of the call whose trace has that id; unchanged if the id is empty or it already names a trace.
HttpError with_trace(const Error& error, const std::string& trace_id);

/// The trace's id, where the error names one.
std::optional<std::string> trace_of(const Error& error);

/// Adds `trace_id` to an error's object in a response's body, where the error names one.
void tell_trace(JsonObject& to, const Error& error);

}  // namespace dspy::server
