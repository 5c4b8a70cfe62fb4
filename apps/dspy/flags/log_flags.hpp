#pragma once

#include "dspy/config/config.hpp"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>

namespace dspy::app {

/// Flags that say where the library's log goes.
struct LogFlags {
  /// A file, or `stderr`; empty: as dspy.toml says, or messages from a warning on, as any command prints them.
  std::string where;
  std::string form = "plain";
  std::string level = "info";
  std::size_t megabytes = 10;
  std::size_t files = 5;

  void add_to(CLI::App& command);
  /// From now on the log goes there.  Throws `Error` (`io_error`, `unsupported`).
  void begin() const;
};

/// The log goes where `[log]` of dspy.toml says, unless a flag has said so.  Throws `Error` (`io_error`,
/// `unsupported`).
void begin_log(const Config& config);

}  // namespace dspy::app
