#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/tracing/otlp.hpp"

#include <functional>
#include <string_view>

namespace dspy {

/// Adds the attribute names of OpenInference (`openinference.span.kind`, `llm.model_name`, `llm.token_count.prompt`,
/// `input.value`, …) beside those of OpenTelemetry to all spans of an OTLP body, for Arize Phoenix and others that read
/// them.  Anything else is left unchanged.
void add_open_inference(JsonObject& body);

/// Sends bodies with both: `OtlpOptions{.send = open_inference(send)}`.
std::function<OtlpSent(std::string_view body)> open_inference(std::function<OtlpSent(std::string_view body)> send);

}  // namespace dspy
