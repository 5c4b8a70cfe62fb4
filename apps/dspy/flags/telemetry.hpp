#pragma once

#include "dspy/config/config.hpp"

namespace dspy::app {

/// What every command that asks models does once: the log goes where dspy.toml says (`begin_log`), and spans to the
/// collector that the environment names (`OTEL_EXPORTER_OTLP_ENDPOINT`).  Throws `Error`.
void begin_telemetry(const Config& config);

/// Sends the spans that wait, for two seconds at most.
void end_telemetry() noexcept;

}  // namespace dspy::app
