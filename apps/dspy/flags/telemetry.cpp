#include "flags/telemetry.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "flags/log_flags.hpp"

#ifdef DSPY_WITH_PROVIDERS
#include "dspy/telemetry/otlp_http.hpp"
#endif

#include <chrono>
#include <memory>
#include <utility>

namespace dspy::app {

#ifdef DSPY_WITH_PROVIDERS

namespace {

std::shared_ptr<OtlpTrace>& exporter() {
  static std::shared_ptr<OtlpTrace> only;
  return only;
}

}  // namespace

void begin_telemetry(const Config& config) {
  begin_log(config);
  if (exporter()) return;
  auto endpoint = otlp_endpoint_from_environment();
  if (!endpoint) return;
  exporter() = otlp_trace(*std::move(endpoint));
  set_process_trace(both(process_trace(), exporter()));
}

void end_telemetry() noexcept {
  const auto spans = std::exchange(exporter(), nullptr);
  if (!spans) return;
  static_cast<void>(attempt([&] {
    set_process_trace({});
    const bool is_sent = spans->flush(std::chrono::seconds(2));
    if (!is_sent || spans->dropped() != 0)
      log(LogLevel::warning, "otlp", "not all spans reached the collector; check OTEL_EXPORTER_OTLP_ENDPOINT");
  }));
}

#else

void begin_telemetry(const Config& config) {
  begin_log(config);
}

void end_telemetry() noexcept {}

#endif

}  // namespace dspy::app
