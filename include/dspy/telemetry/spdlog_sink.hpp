#pragma once

#include "dspy/base/log.hpp"
#include "dspy/lm/tracing/redactor.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>

namespace spdlog {
class logger;
}

// The library's log through spdlog: what these functions return goes to `set_log_sink`.  Each message is redacted
// first.  They throw `Error` (`unsupported`) where the library was built without spdlog.

namespace dspy {

enum class LogForm {
  plain,  ///< `2026-11-30T18:02:38.123456Z warning cache: the message`; line ends in messages are escaped.
  /// `{"time":"…","level":"warning","component":"cache","message":"…"}`, an object a line, and after these the
  /// message's fields (`log_fields`).
  json,
};

struct LogOutput {
  std::filesystem::path file = {};  ///< Appended to; folders are made.  Empty: standard error.
  LogForm form = LogForm::plain;
  std::size_t most_bytes = std::size_t{10} << 20;  ///< Of a file; a full `a.log` becomes `a.1.log`, that `a.2.log`, …
  std::size_t kept_files = 5;                      ///< Of these; older ones are deleted.
};

/// Writes each message at once.  Should a write fail, spdlog says so on standard error, at most once a second.  A null
/// redactor is one without registered keys, which recognises them by form.  Throws `Error` (`io_error`,
/// `invalid_parameter`).
LogSink spdlog_sink(const LogOutput& output, std::shared_ptr<const Redactor> redactor = {});

/// Passes messages to a logger of yours: its level, sinks and pattern apply, and the component is the logger's name
/// (`%n`), by a clone for each.  Throws `Error` (`invalid_parameter`) for a null one.
LogSink spdlog_sink(std::shared_ptr<spdlog::logger> logger, std::shared_ptr<const Redactor> redactor = {});

}  // namespace dspy
