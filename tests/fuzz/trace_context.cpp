// The headers `traceparent` and `tracestate` of a caller: read by the standard or not at all, and what was read is
// written and read again as the same.

#include "dspy/lm/tracing/trace_context.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  const auto state = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  const auto context = dspy::read_trace_context(text.substr(0, line), state);
  if (!context) return 0;
  if (context->span_id == 0 || (context->trace_high == 0 && context->trace_low == 0)) std::abort();
  if (context->state.size() > 512 || context->trace_id().size() != 32 || context->span_text().size() != 16)
    std::abort();
  const auto again = dspy::read_trace_context(dspy::traceparent(*context), context->state);
  if (!again || !(*again == *context)) std::abort();
  return 0;
}
