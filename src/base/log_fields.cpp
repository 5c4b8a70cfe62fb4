#include "dspy/base/log_fields.hpp"

#include <utility>

namespace dspy {
namespace {

// A sink is called on the thread that logs, so its fields need not go through it.
thread_local std::span<const LogField> under_way = {};

}  // namespace

void log(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  struct Restore {
    std::span<const LogField> before;
    ~Restore() { under_way = before; }
  } const restore{std::exchange(under_way, std::span(fields.begin(), fields.size()))};
  log(level, component, message);
}

std::span<const LogField> log_fields() noexcept {
  return under_way;
}

}  // namespace dspy
