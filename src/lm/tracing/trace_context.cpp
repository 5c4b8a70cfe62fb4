#include "dspy/lm/tracing/trace_context.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <format>

namespace dspy {
namespace {

constexpr std::size_t head_size = 55;  // of version 00: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits
constexpr std::size_t most_state = 512;

/// Of lower-case hexadecimal digits only.
std::optional<std::uint64_t> hexadecimal(std::string_view digits) {
  const bool fits =
      std::ranges::all_of(digits, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  std::uint64_t out = 0;
  if (!fits || std::from_chars(digits.data(), digits.data() + digits.size(), out, 16).ec != std::errc()) return {};
  return out;
}

}  // namespace

std::string TraceContext::trace_id() const {
  return std::format("{:016x}{:016x}", trace_high, trace_low);
}

std::string TraceContext::span_text() const {
  return std::format("{:016x}", span_id);
}

std::optional<TraceContext> read_trace_context(std::string_view traceparent, std::string_view tracestate) {
  if (traceparent.size() < head_size || traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-')
    return {};
  const auto version = hexadecimal(traceparent.substr(0, 2));
  if (!version || *version == 0xff) return {};
  // A later version may have more behind what this one has.
  if (traceparent.size() > head_size && (*version == 0 || traceparent[head_size] != '-')) return {};
  const auto high = hexadecimal(traceparent.substr(3, 16));
  const auto low = hexadecimal(traceparent.substr(19, 16));
  const auto span = hexadecimal(traceparent.substr(36, 16));
  const auto flags = hexadecimal(traceparent.substr(53, 2));
  if (!high || !low || !span || !flags || (*high == 0 && *low == 0) || *span == 0) return {};
  const bool keeps_state = tracestate.size() <= most_state &&
                           std::ranges::all_of(tracestate, [](char c) { return (c >= ' ' && c <= '~') || c == '\t'; });
  return TraceContext{.trace_high = *high,
                      .trace_low = *low,
                      .span_id = *span,
                      .sampled = (*flags & 1) != 0,
                      .state = std::string(keeps_state ? tracestate : std::string_view())};
}

std::string traceparent(const TraceContext& context) {
  return std::format("00-{}-{}-{}", context.trace_id(), context.span_text(), context.sampled ? "01" : "00");
}

}  // namespace dspy
