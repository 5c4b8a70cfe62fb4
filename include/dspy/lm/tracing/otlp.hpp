#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/lm/tracing/redactor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Spans for OpenTelemetry: the body of a `POST …/v1/traces` (OTLP/HTTP with JSON), with the names of its conventions
// for generative AI.

namespace dspy {

/// A span as OTLP has it.
struct OtlpSpan {
  std::string trace_id = {};   ///< 32 hexadecimal digits.
  std::string span_id = {};    ///< 16.
  std::string parent_id = {};  ///< Empty for a root.
  std::string state = {};      ///< W3C `tracestate`; may be empty.
  std::string name = {};
  bool is_client = false;     ///< A request to a model, not something within the process.
  std::int64_t start_ns = 0;  ///< Since 1970.
  std::int64_t end_ns = 0;
  std::vector<std::pair<std::string, Json>> attributes = {};
  std::string error = {};  ///< Empty if it went well.
};

/// A span's attributes by the semantic conventions: model, limits, usage, finish reasons, error.  `has_content` adds
/// requests and replies.
std::vector<std::pair<std::string, Json>> otlp_attributes(const Span& span, bool has_content);

/// `{"resourceSpans": […]}`.
JsonObject otlp_body(const std::vector<OtlpSpan>& spans, const std::string& service);

/// The result of sending a batch.
enum class OtlpSent {
  ok,
  again,    ///< It may be taken a little later: 429, 502, 503, 504, no connection.
  refused,  ///< It will never be taken.
};

struct OtlpOptions {
  /// Sends one body as `application/json`, on the exporter's thread.  What it throws counts as `refused`.
  std::function<OtlpSent(std::string_view body)> send = {};
  std::string service = "dspy";  ///< `service.name`.
  bool has_content = false;
  std::shared_ptr<const Redactor> redactor = {};
  std::size_t max_queue = 2'048;  ///< Spans that wait; further ones are dropped and counted.
  std::size_t max_batch = 512;
  std::chrono::milliseconds interval = std::chrono::seconds(5);
  std::chrono::milliseconds exit_wait = std::chrono::seconds(2);  ///< The longest that shutdown may take.
};

/// Exports spans on its own thread: calls never wait for it.  Spans whose `remote_parent` is not sampled are omitted
/// with all their children.  Thread-safe.
class OtlpTrace final : public Trace {
 public:
  /// Throws `Error` (`config_error`) without `send`.
  explicit OtlpTrace(OtlpOptions options);
  ~OtlpTrace() override;
  OtlpTrace(const OtlpTrace&) = delete;
  OtlpTrace& operator=(const OtlpTrace&) = delete;

  void begin(const Span& span) override;
  void end(const Span& span) override;
  std::optional<TraceContext> context_of(std::uint64_t id) const override;
  /// Sends what waits; false if that was not done within `time`.
  bool flush(std::chrono::milliseconds time);
  std::uint64_t dropped() const noexcept;

 private:
  class Exporter;

  std::shared_ptr<Exporter> exporter_;
};

}  // namespace dspy
