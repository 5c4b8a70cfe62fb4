#include "dspy/base/log.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace dspy {
namespace {

constexpr int silent = 99;

struct Current {
  std::mutex mutex;
  std::shared_ptr<const LogSink> sink;
  std::mutex calls;  ///< Held while a sink runs; taken before `mutex`.
};

// Never destroyed, as threads may log until the process ends.
Current& current() {
  static auto& state = *new Current;
  return state;
}

std::atomic<int> minimum_level = silent;
thread_local bool is_in_sink = false;

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "unknown";
}

void set_log_sink(LogSink new_sink, LogLevel minimum) {
  auto& [mutex, sink, calls] = current();
  const int level = new_sink ? static_cast<int>(minimum) : silent;
  auto other = new_sink ? std::make_shared<const LogSink>(std::move(new_sink)) : nullptr;
  std::unique_lock calling(calls, std::defer_lock);
  if (!is_in_sink) calling.lock();
  const std::lock_guard lock(mutex);
  minimum_level = level;
  sink.swap(other);
}

bool log_enabled(LogLevel level) noexcept {
  return static_cast<int>(level) >= minimum_level.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view component, std::string_view message) {
  if (!log_enabled(level) || is_in_sink) return;
  auto& [mutex, sink, calls] = current();
  const std::lock_guard calling(calls);
  const auto called = [&] {
    const std::lock_guard lock(mutex);
    return sink;
  }();
  if (!called) return;
  struct Inside {
    Inside() { is_in_sink = true; }
    ~Inside() { is_in_sink = false; }
  } const inside;
  (*called)(level, component, message);
}

}  // namespace dspy
