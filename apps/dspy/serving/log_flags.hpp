#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>

namespace dspy::app {

/// Flags that say where the library's log goes.
struct LogFlags {
  std::string where;  ///< A file, or `stderr`; empty: messages from a warning on, as any command prints them.
  std::string form = "plain";
  std::string level = "info";
  std::size_t megabytes = 10;
  std::size_t files = 5;

  void add_to(CLI::App& command);
  /// From now on the log goes there.  Throws `Error` (`io_error`, `unsupported`).
  void begin() const;
};

}  // namespace dspy::app
