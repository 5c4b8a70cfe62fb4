#pragma once

#include <functional>
#include <string_view>

namespace dspy {

enum class LogLevel { debug, info, warning, error };

std::string_view to_string(LogLevel level) noexcept;

/// Receives the library's log messages.  `component` names the part that logs, such as `"llama"`.  Called from any
/// thread, one call at a time; messages logged on the same thread during the call are dropped.
using LogSink = std::function<void(LogLevel level, std::string_view component, std::string_view message)>;

/// Replaces the sink of the process; an empty one (the default) discards.  Messages below
/// `minimum` are dropped.  The library itself never prints.  Thread-safe; the old sink is not
/// called any more when this returns, unless it is the one that asks.
void set_log_sink(LogSink sink, LogLevel minimum = LogLevel::info);

/// True if a message of this level would reach a sink: ask before building a costly one.
bool log_enabled(LogLevel level) noexcept;

void log(LogLevel level, std::string_view component, std::string_view message);

}  // namespace dspy
