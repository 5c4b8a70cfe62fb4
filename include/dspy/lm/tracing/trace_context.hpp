#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// A span of a trace that several processes share, as the headers of W3C Trace Context (level 1) name it.
struct TraceContext {
  std::uint64_t trace_high = 0;  ///< The first half of the trace's 128 bits; not both halves are 0.
  std::uint64_t trace_low = 0;
  std::uint64_t span_id = 0;  ///< Not 0.
  bool sampled = false;       ///< Its process keeps the trace.
  std::string state = {};     ///< The header `tracestate`, passed on unchanged; may be empty.

  std::string trace_id() const;   ///< 32 hexadecimal digits.
  std::string span_text() const;  ///< `span_id` as 16 hexadecimal digits.
  bool operator==(const TraceContext&) const = default;
};

/// Reads the headers `traceparent` and `tracestate`.  Nothing for a `traceparent` that the standard calls invalid,
/// which is to be treated as absent.  A `tracestate` of more than 512 bytes, or of other than printable ASCII, is
/// dropped.
std::optional<TraceContext> read_trace_context(std::string_view traceparent, std::string_view tracestate = {});

/// The header `traceparent`, version 00.
std::string traceparent(const TraceContext& context);

}  // namespace dspy
