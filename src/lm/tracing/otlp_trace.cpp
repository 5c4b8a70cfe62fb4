#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/random.hpp"
#include "dspy/lm/tracing/otlp.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <format>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_map>

namespace dspy {
namespace {

using std::chrono::milliseconds;

constexpr int most_tries = 4;
/// The most open spans, so that spans that never end cannot fill the memory.
constexpr std::size_t most_open = 100'000;

std::uint64_t random_word() {
  static std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

std::int64_t nanoseconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

/// Shared by the trace and its thread, which may end later.
class OtlpTrace::Exporter {
 public:
  explicit Exporter(OtlpOptions options)
      : options_(std::move(options)), ids_(random_word()), mark_(random_word() | 1) {}

  void begin(const Span& span) {
    const std::lock_guard lock(mutex_);
    if (open_.size() < most_open) open_.emplace(span.id, trace_of(span));
  }

  void end(const Span& span) {
    OtlpSpan out;
    {
      const std::lock_guard lock(mutex_);
      const auto found = open_.find(span.id);
      const auto shared = found != open_.end() ? std::move(found->second) : trace_of(span);
      if (found != open_.end()) open_.erase(found);
      if (!shared.sampled) return;
      out.trace_id = shared.trace_id();
      out.state = shared.state;
      if (queue_.size() >= options_.max_queue) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
    }
    out.span_id = std::format("{:016x}", id_of(span.id));
    if (span.parent != 0) {
      out.parent_id = std::format("{:016x}", id_of(span.parent));
    } else if (span.remote_parent != nullptr) {
      out.parent_id = span.remote_parent->span_text();
    }
    out.is_client = span.kind == Span::Kind::attempt;
    out.name = out.is_client ? std::format("chat {}", span.lm)
               : span.kind == Span::Kind::tool
                   ? std::format("execute_tool {}", span.path.substr(span.path.rfind('.') + 1))
                   : std::format("{}{}{}", to_string(span.kind), span.path.empty() ? "" : " ", span.path);
    out.start_ns = nanoseconds(span.started_at);
    out.end_ns = out.start_ns + span.time.count();
    out.attributes = otlp_attributes(span, options_.has_content);
    if (span.error != nullptr) out.error = span.error->what();
    hide_secrets(out);
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(out));
    if (queue_.size() >= options_.max_batch) changed_.notify_all();
  }

  std::optional<TraceContext> context_of(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    if (found == open_.end()) return {};
    auto out = found->second;
    out.span_id = id_of(id);
    return out;
  }

  /// On the exporter's thread.
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait_for(lock, options_.interval,
                        [&] { return has_ended_ || is_flushing_ || queue_.size() >= options_.max_batch; });
      while (!queue_.empty()) {
        const auto count = std::min(queue_.size(), options_.max_batch);
        const std::vector<OtlpSpan> batch(std::make_move_iterator(queue_.begin()),
                                          std::make_move_iterator(queue_.begin() + static_cast<std::ptrdiff_t>(count)));
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
        send(batch, lock);
      }
      is_flushing_ = false;
      changed_.notify_all();
      if (has_ended_) break;
    }
    has_stopped_ = true;
    changed_.notify_all();
  }

  bool flush(milliseconds time) {
    std::unique_lock lock(mutex_);
    is_flushing_ = true;
    changed_.notify_all();
    return changed_.wait_for(lock, time, [&] { return !is_flushing_; });
  }

  bool stop(milliseconds time) {
    std::unique_lock lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
    return changed_.wait_for(lock, time, [&] { return has_stopped_; });
  }

  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  milliseconds exit_wait() const noexcept { return options_.exit_wait; }

 private:
  /// The trace of the parent span if that is known, else a new one; its `span_id` is unused.
  TraceContext trace_of(const Span& span) {
    if (const auto found = open_.find(span.parent); found != open_.end()) return found->second;
    if (span.parent == 0 && span.remote_parent != nullptr) return *span.remote_parent;
    return {.trace_high = ids_(), .trace_low = ids_() | 1, .sampled = true};
  }

  /// Almost certainly different from other processes' ids.
  std::uint64_t id_of(std::uint64_t id) const { return Random(mark_).fork(id)() | 1; }

  void hide_secrets(OtlpSpan& span) const {
    static const Redactor plain;
    const auto& redactor = options_.redactor ? *options_.redactor : plain;
    span.error = redactor.redacted(span.error);
    for (auto& [name, value] : span.attributes) redactor.redact(value);
  }

  void send(const std::vector<OtlpSpan>& batch, std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    const auto body = to_text(otlp_body(batch, options_.service));
    auto sent = OtlpSent::again;
    for (int tries = 1; tries <= most_tries && sent == OtlpSent::again; ++tries) {
      const auto result = attempt([&] { return options_.send(body); });
      sent = result ? *result : OtlpSent::refused;
      if (!result) log(LogLevel::warning, "otlp", std::format("spans could not be sent: {}", result.error().what()));
      if (sent != OtlpSent::again || tries == most_tries) continue;
      std::unique_lock waiting(mutex_);
      changed_.wait_for(waiting, milliseconds(250) * (1 << tries), [&] { return has_ended_; });
    }
    lock.lock();
    if (sent != OtlpSent::ok) dropped_.fetch_add(batch.size(), std::memory_order_relaxed);
  }

  OtlpOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<OtlpSpan> queue_;
  std::unordered_map<std::uint64_t, TraceContext> open_;  ///< The trace of each open span.
  Random ids_;
  const std::uint64_t mark_;
  std::atomic<std::uint64_t> dropped_ = 0;
  bool is_flushing_ = false, has_ended_ = false, has_stopped_ = false;
};

OtlpTrace::OtlpTrace(OtlpOptions options) {
  if (!options.send) throw Error(Errc::config_error, "an exporter needs `send`, which posts a body to a collector");
  if (options.max_batch == 0 || options.max_queue == 0)
    throw Error(Errc::invalid_parameter, "an exporter's queue and batches must be 1 or more");
  exporter_ = std::make_shared<Exporter>(std::move(options));
  std::thread([exporter = exporter_] { exporter->run(); }).detach();
}

OtlpTrace::~OtlpTrace() {
  if (!exporter_->stop(exporter_->exit_wait()))
    log(LogLevel::warning, "otlp", "the collector did not accept the last spans in time");
}

void OtlpTrace::begin(const Span& span) {
  exporter_->begin(span);
}

void OtlpTrace::end(const Span& span) {
  if (const auto done = attempt([&] { exporter_->end(span); }); !done)
    log(LogLevel::warning, "otlp", std::format("a span was lost: {}", done.error().what()));
}

std::optional<TraceContext> OtlpTrace::context_of(std::uint64_t id) const {
  return exporter_->context_of(id);
}

bool OtlpTrace::flush(milliseconds time) {
  return exporter_->flush(time);
}

std::uint64_t OtlpTrace::dropped() const noexcept {
  return exporter_->dropped();
}

}  // namespace dspy
