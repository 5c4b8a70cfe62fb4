#pragma once

#include "dspy/lm/trace.hpp"
#include "dspy/server/traces/trace_record.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace dspy::server {

/// Collects the spans of each root, and hands them on when it ends.
class TraceSink final : public Trace {
 public:
  /// `keep` receives complete traces, `drop` the number of lost spans.
  TraceSink(TraceOrigin origin, std::size_t max_spans, std::function<void(TraceRecord)> keep,
            std::function<void(std::size_t)> drop);
  ~TraceSink() override;
  TraceSink(const TraceSink&) = delete;
  TraceSink& operator=(const TraceSink&) = delete;

  void begin(const Span& span) override;
  void end(const Span& span) override;

 private:
  TraceRecord& open_trace(const Span& root);
  void add(const Span& span, JsonObject written);

  TraceOrigin origin_;
  std::size_t max_spans_;
  std::function<void(TraceRecord)> keep_;
  std::function<void(std::size_t)> drop_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint64_t> root_of_;  ///< Of open spans.
  std::unordered_map<std::uint64_t, TraceRecord> traces_;     ///< By their roots.
  bool has_given_id_ = false;
};

}  // namespace dspy::server
