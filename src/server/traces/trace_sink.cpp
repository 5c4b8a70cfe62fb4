#include "server/traces/trace_sink.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/traces/trace_record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace dspy::server {
namespace {

/// Of spans that began and have not ended; a program that ends none must not fill the memory.
constexpr std::size_t most_open = 100'000;

}  // namespace

TraceSink::TraceSink(TraceOrigin origin, std::size_t max_spans, std::function<void(TraceRecord)> keep,
                     std::function<void(std::size_t)> drop)
    : origin_(std::move(origin)), max_spans_(max_spans), keep_(std::move(keep)), drop_(std::move(drop)) {}

TraceSink::~TraceSink() {
  std::size_t lost = 0;
  for (const auto& [root, record] : traces_) lost += record.spans.size();
  if (lost != 0) drop_(lost);
}

/// With the lock held.  The first root has the id that was given, each further one its own.
TraceRecord& TraceSink::open_trace(const Span& root) {
  const auto [place, is_new] = traces_.try_emplace(root.id);
  if (!is_new) return place->second;
  auto& record = place->second;
  record.origin = origin_;
  if (has_given_id_ || record.origin.id.empty()) record.origin.id = draw_trace_id();
  has_given_id_ = true;
  record.started_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(root.started_at.time_since_epoch()).count();
  return record;
}

void TraceSink::begin(const Span& span) {
  const std::lock_guard lock(mutex_);
  if (root_of_.size() >= most_open) return;
  const auto parent = root_of_.find(span.parent);
  const auto root = parent != root_of_.end() ? parent->second : span.id;
  root_of_.emplace(span.id, root);
  if (root == span.id) open_trace(span);
}

void TraceSink::end(const Span& span) {
  const auto done = attempt([&] { add(span, to_json(span)); });
  if (done) return;
  drop_(1);
  log(LogLevel::warning, "traces", std::format("a span was lost: {}", done.error().what()));
}

void TraceSink::add(const Span& span, JsonObject written) {
  std::optional<TraceRecord> whole;
  {
    const std::lock_guard lock(mutex_);
    const auto known = root_of_.find(span.id);
    const auto parent = root_of_.find(span.parent);
    const auto root = known != root_of_.end() ? known->second : parent != root_of_.end() ? parent->second : span.id;
    if (known != root_of_.end()) root_of_.erase(known);
    if (root != span.id && !traces_.contains(root)) return drop_(1);  // its root has ended before it
    auto& record = root == span.id ? open_trace(span) : traces_.at(root);
    if (record.spans.size() < max_spans_ || root == span.id) {
      record.spans.push_back(std::move(written));
    } else {
      ++record.left_out;
    }
    if (root != span.id) return;
    whole = std::move(record);
    traces_.erase(root);
  }
  keep_(*std::move(whole));
}

}  // namespace dspy::server
