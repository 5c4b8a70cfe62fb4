#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"

#include <initializer_list>
#include <span>
#include <string_view>

namespace dspy {

/// A fact of a log message, for logs that programs read: `{"model", "gpt-5.4-mini"}`.
struct LogField {
  LogField(std::string_view field, const JsonRef& fact) : name(field), value(fact) {}

  std::string_view name;
  Json value;
};

/// Logs a message with facts.  The message says what matters in words too, as some sinks show nothing else.
void log(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields);

/// Within a sink: the facts of the message that it was called with.  Empty outside of one.
std::span<const LogField> log_fields() noexcept;

}  // namespace dspy
