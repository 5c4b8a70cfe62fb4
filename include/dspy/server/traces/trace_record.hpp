#pragma once

#include "dspy/base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// Whose a trace is.
struct TraceOrigin {
  std::string id = {};  ///< Of the trace, as `draw_trace_id` makes them; empty: one is drawn.
  std::string tenant = {};
  std::string program = {};  ///< As it is served, or the file.
  std::string version = {};
  std::string key = {};  ///< The id of the caller's key.
};

/// A trace that ended: the spans of one root, each as `to_json(Span)` writes it, in the order in which they ended.
struct TraceRecord {
  TraceOrigin origin = {};
  std::int64_t started_ns = 0;  ///< Of the root, since 1970.
  std::vector<JsonObject> spans = {};
  std::size_t left_out = 0;  ///< Spans beyond what a trace may have.
  bool is_finished = true;   ///< False: the process ended before its root did, and the last span stands for the root.
};

/// What a list shows of a trace, from its spans.
struct TraceSummary {
  std::int64_t nanoseconds = 0;
  std::optional<std::int64_t> cost_nanodollars = {};
  std::optional<std::int64_t> tokens = {};
  std::string status = {};  ///< `ok`, `error` or `unfinished`.
  std::string error = {};
  JsonObject inputs = {};
  JsonObject outputs = {};
  std::vector<std::string> models = {};
  std::vector<std::string> paths = {};
  std::string text = {};  ///< What full-text search finds: inputs, outputs and errors of programs and calls.
};

TraceSummary summary_of(const TraceRecord& record);

/// A value whose texts are shortened to 300 characters, each shortened one with `…` at its end; lists and objects to
/// 20 members.  For lists, which show the whole one by one.
Json shortened(const Json& value);

/// 32 hexadecimal digits, as W3C's trace context has them.
std::string draw_trace_id();

}  // namespace dspy::server
