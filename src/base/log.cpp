#include "dspy/base/log.hpp"

#include <atomic>
#include <mutex>

namespace dspy {
namespace {

constexpr int silent = 99;

std::mutex sink_mutex;
LogSink sink;
std::atomic<int> minimum_level = silent;

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
  const std::lock_guard lock(sink_mutex);
  minimum_level = new_sink ? static_cast<int>(minimum) : silent;
  sink = std::move(new_sink);
}

bool log_enabled(LogLevel level) noexcept {
  return static_cast<int>(level) >= minimum_level.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view component, std::string_view message) {
  if (!log_enabled(level)) return;
  const std::lock_guard lock(sink_mutex);
  if (sink) sink(level, component, message);
}

}  // namespace dspy
