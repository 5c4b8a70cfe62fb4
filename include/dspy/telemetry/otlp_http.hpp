#pragma once

#include "dspy/http/transport.hpp"
#include "dspy/lm/tracing/otlp.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A collector that takes OTLP over HTTP in JSON, such as the OpenTelemetry Collector, Jaeger, Tempo or Langfuse.
struct OtlpEndpoint {
  std::string url = "http://127.0.0.1:4318/v1/traces";  ///< The whole of it.
  std::vector<http::Credential> credentials = {};       ///< Header fields, such as `Authorization`.
  std::chrono::milliseconds timeout{10'000};
  std::shared_ptr<http::Transport> transport = {};  ///< Null: `http::default_transport()`.
  bool has_open_inference = false;                  ///< With OpenInference's names too (`open_inference`).
};

/// What the environment names: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, or `OTEL_EXPORTER_OTLP_ENDPOINT` and
/// `/v1/traces`, with the header fields of `…_HEADERS` (`name=value,…`, percent-encoded) and the milliseconds of
/// `…_TIMEOUT`.  Nothing if it names no endpoint.  Throws `Error` (`config_error`) for invalid values, and for the
/// protocol `grpc`.
std::optional<OtlpEndpoint> otlp_endpoint_from_environment();

/// What `OtlpOptions::send` needs.  Throws `Error` (`config_error`) for a URL that cannot be asked.
std::function<OtlpSent(std::string_view body)> otlp_sender(OtlpEndpoint endpoint);

/// An exporter to `endpoint`; it sets `options.send`.  `OTEL_SERVICE_NAME` is the service's name where `options` names
/// none of its own.
std::shared_ptr<OtlpTrace> otlp_trace(OtlpEndpoint endpoint, OtlpOptions options = {});

}  // namespace dspy
