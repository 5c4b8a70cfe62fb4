#include "dspy/server/traces/trace_store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "dspy/storage/database.hpp"
#include "server/private_file.hpp"
#include "server/traces/trace_queue.hpp"
#include "server/traces/trace_reader.hpp"
#include "server/traces/trace_schema.hpp"
#include "server/traces/trace_sink.hpp"
#include "server/traces/trace_writer.hpp"

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::server {

/// Shared with the store's thread and the sinks, which may end later.
class TraceStore::State {
 public:
  State(const std::filesystem::path& path, TraceStoreOptions given)
      : options(std::move(given)), queue(private_file(path), options), path_(path) {}

  /// Reads with an exclusive connection.
  template <class F>
  auto read(F work) {
    std::unique_ptr<storage::Database> connection;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        connection = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!connection) connection = std::make_unique<storage::Database>(open_traces_again(path_));
    auto out = work(*connection);
    const std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle) idle_.push_back(std::move(connection));
    return out;
  }

  const TraceStoreOptions options;
  TraceQueue queue;

 private:
  static constexpr std::size_t most_idle = 8;

  std::filesystem::path path_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<storage::Database>> idle_;
};

TraceStore::TraceStore(const std::filesystem::path& path, TraceStoreOptions options) {
  if (options.max_queue == 0 || options.max_spans == 0 || options.interval.count() <= 0)
    throw Error(Errc::invalid_parameter, "a trace store's queue, spans and interval must be more than 0");
  state_ = std::make_shared<State>(path, std::move(options));
  std::thread([state = state_] { state->queue.run(); }).detach();
}

TraceStore::~TraceStore() {
  if (!state_->queue.stop(state_->options.exit_wait))
    log(LogLevel::warning, "traces", "the last traces could not be written to disk in time");
}

std::shared_ptr<Trace> TraceStore::sink(TraceOrigin origin) {
  return std::make_shared<TraceSink>(
      std::move(origin), state_->options.max_spans,
      [state = state_](TraceRecord record) { state->queue.add(std::move(record)); },
      [state = state_](std::size_t spans) { state->queue.drop(spans); });
}

bool TraceStore::add(TraceRecord record) {
  if (record.origin.id.empty()) record.origin.id = draw_trace_id();
  return state_->queue.add(std::move(record));
}

bool TraceStore::flush(std::chrono::milliseconds time) {
  return state_->queue.flush(time);
}

std::uint64_t TraceStore::dropped() const noexcept {
  return state_->queue.dropped();
}

TracePage TraceStore::list(const TraceQuery& query) const {
  return state_->read([&](storage::Database& database) { return list_traces(database, query); });
}

std::optional<JsonObject> TraceStore::get(const std::string& tenant, const std::string& id) const {
  return state_->read([&](storage::Database& database) { return read_trace(database, tenant, id); });
}

bool TraceStore::remove(const std::string& tenant, const std::string& id) {
  bool removed = false;
  state_->queue.with_writer([&](TraceWriter& writer) { removed = writer.remove(tenant, id); });
  return removed;
}

std::string TraceStore::add_feedback(const std::string& tenant, Feedback feedback) {
  if (text::trim(feedback.name).empty())
    throw Error(Errc::bad_input, "feedback needs a `name`: what is judged, such as helpful");
  if (!std::isfinite(feedback.score)) throw Error(Errc::bad_input, "the `score` of feedback is a finite number");
  const auto is_there = [&] {
    return state_->read([&](storage::Database& database) { return has_trace(database, tenant, feedback.trace); });
  };
  // It may be so new that it still waits for the disk.
  if (!is_there() && !(flush(std::chrono::seconds(2)) && is_there()))
    throw Error(Errc::bad_input, std::format("there is no trace `{}`; `trace_id` is that of a program's answer",
                                             feedback.trace.substr(0, 64)));
  feedback.id = draw_trace_id().substr(0, 16);
  if (feedback.at == std::chrono::system_clock::time_point()) feedback.at = std::chrono::system_clock::now();
  state_->queue.with_writer([&](TraceWriter& writer) { writer.add_feedback(tenant, feedback); });
  return feedback.id;
}

std::vector<Feedback> TraceStore::feedback(const std::string& tenant, const std::string& trace,
                                           std::size_t limit) const {
  return state_->read([&](storage::Database& database) { return read_feedback(database, tenant, trace, limit); });
}

std::size_t TraceStore::retain() {
  std::size_t gone = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  state_->queue.with_writer([&](TraceWriter& writer) {
    gone = writer.retain(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  });
  return gone;
}

JsonObject to_json(const Feedback& feedback) {
  JsonObject out{{"id", feedback.id},
                 {"trace_id", feedback.trace},
                 {"name", feedback.name},
                 {"score", feedback.score},
                 {"at", iso_time(feedback.at)}};
  if (!feedback.comment.empty()) out["comment"] = feedback.comment;
  if (!feedback.key.empty()) out["key"] = feedback.key;
  return out;
}

}  // namespace dspy::server
