#pragma once

#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "server/traces/trace_writer.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <vector>

namespace dspy::server {

/// Traces that wait for the disk, and the loop that writes them.  Whoever adds never waits.
class TraceQueue {
 public:
  TraceQueue(const std::filesystem::path& path, const TraceStoreOptions& options);

  bool add(TraceRecord record);
  /// Spans that are lost before they came here, too.
  void drop(std::size_t spans) noexcept { dropped_.fetch_add(spans, std::memory_order_relaxed); }
  bool flush(std::chrono::milliseconds time);
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  /// Until `stop`, on the store's thread.
  void run();
  /// False if what waits was not written in time.
  bool stop(std::chrono::milliseconds time);

  /// Does something with the writer between two batches, on the calling thread.
  void with_writer(const std::function<void(TraceWriter& writer)>& work);

 private:
  struct Waiting {
    TraceRecord record;
    std::size_t bytes = 0;
  };

  std::vector<TraceRecord> take_batch();
  void write(std::vector<TraceRecord> batch);
  void retain_sometimes();

  const TraceStoreOptions& options_;
  std::mutex writer_mutex_;
  TraceWriter writer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::size_t spans_ = 0, bytes_ = 0;
  std::uint64_t added_ = 0, settled_ = 0;  ///< Traces.
  std::atomic<std::uint64_t> dropped_ = 0;
  std::chrono::steady_clock::time_point last_retained_ = {}, last_told_ = {};
  bool is_flushing_ = false, has_ended_ = false, has_stopped_ = false;
};

}  // namespace dspy::server
