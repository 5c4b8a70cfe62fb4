#include "server/traces/trace_queue.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "server/traces/trace_writer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <format>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::size_t most_in_batch = 5'000;  // spans
constexpr auto retain_every = std::chrono::minutes(1);
constexpr auto tell_every = std::chrono::seconds(30);

/// About what a value takes in memory.
std::size_t size_of(const Json& value) {
  constexpr std::size_t each = 32;
  auto out = each;
  if (value.is_string()) {
    out += value.get_string().size();
  } else if (value.is_array()) {
    for (const auto& item : value.get_array()) out += size_of(item);
  } else if (value.is_object()) {
    for (const auto& item : value.get_object()) out += item.key().size() + size_of(item.value());
  }
  return out;
}

std::size_t size_of(const TraceRecord& record) {
  std::size_t out = 0;
  for (const auto& span : record.spans) {
    for (const auto& member : span) out += member.key().size() + size_of(member.value());
  }
  return out;
}

}  // namespace

TraceQueue::TraceQueue(const std::filesystem::path& path, const TraceStoreOptions& options)
    : options_(options), writer_(path, options) {}

bool TraceQueue::add(TraceRecord record) {
  const auto spans = record.spans.size();
  const auto bytes = size_of(record);
  const std::lock_guard lock(mutex_);
  if (has_ended_ || spans_ + spans > options_.max_queue || bytes_ + bytes > options_.max_queue_bytes) {
    drop(spans);
    return false;
  }
  drop(record.left_out);
  spans_ += spans;
  bytes_ += bytes;
  ++added_;
  waiting_.push_back({.record = std::move(record), .bytes = bytes});
  if (spans_ >= most_in_batch || waiting_.size() == 1) changed_.notify_all();
  return true;
}

bool TraceQueue::flush(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  const auto until = added_;
  is_flushing_ = true;
  changed_.notify_all();
  return changed_.wait_for(lock, time, [&] { return settled_ >= until || has_stopped_; });
}

/// With the lock held.
std::vector<TraceRecord> TraceQueue::take_batch() {
  std::vector<TraceRecord> batch;
  std::size_t spans = 0;
  while (!waiting_.empty() && spans < most_in_batch) {
    auto& first = waiting_.front();
    spans += first.record.spans.size();
    bytes_ -= first.bytes;
    batch.push_back(std::move(first.record));
    waiting_.pop_front();
  }
  return batch;
}

void TraceQueue::write(std::vector<TraceRecord> batch) {
  std::size_t spans = 0;
  for (const auto& record : batch) spans += record.spans.size();
  const auto written = attempt([&] {
    const std::lock_guard lock(writer_mutex_);
    writer_.write(batch);
  });
  if (!written) {
    drop(spans);
    const auto now = std::chrono::steady_clock::now();
    if (last_told_ == std::chrono::steady_clock::time_point() || now - last_told_ > tell_every) {
      last_told_ = now;
      log(LogLevel::warning, "traces",
          std::format("traces are lost: {}; requests go on, and {} spans were dropped so far", written.error().what(),
                      dropped()));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    spans_ -= spans;
    settled_ += batch.size();
  }
  changed_.notify_all();
  if (!written || !options_.on_kept) return;
  for (const auto& record : batch) {
    const auto told = attempt([&] { options_.on_kept(record.origin.tenant, record.origin.id); });
    if (!told) log(LogLevel::warning, "traces", std::format("a listener failed: {}", told.error().what()));
  }
}

void TraceQueue::retain_sometimes() {
  if (!options_.max_age && !options_.max_bytes) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_retained_ < retain_every) return;
  last_retained_ = now;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto done = attempt([&] {
    const std::lock_guard lock(writer_mutex_);
    return writer_.retain(std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count());
  });
  if (!done) log(LogLevel::warning, "traces", std::format("old traces stay: {}", done.error().what()));
}

void TraceQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, options_.interval, [&] { return has_ended_ || is_flushing_ || spans_ >= most_in_batch; });
    is_flushing_ = false;
    while (!waiting_.empty()) {
      auto batch = take_batch();
      lock.unlock();
      write(std::move(batch));
      lock.lock();
    }
    if (has_ended_) break;
    lock.unlock();
    retain_sometimes();
    lock.lock();
  }
  has_stopped_ = true;
  changed_.notify_all();
}

bool TraceQueue::stop(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
  return changed_.wait_for(lock, time, [&] { return has_stopped_; });
}

void TraceQueue::with_writer(const std::function<void(TraceWriter& writer)>& work) {
  const std::lock_guard lock(writer_mutex_);
  work(writer_);
}

}  // namespace dspy::server
