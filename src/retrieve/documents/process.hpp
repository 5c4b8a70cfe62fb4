#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dspy::documents {

struct ProcessResult {
  int status = 0;  ///< As the program exits; 128 and more: the signal that ended it.
  std::string output = {};
  std::string errors = {};  ///< The start of what it wrote to its standard error, without the line end.
};

/// Runs a program found on PATH, with nothing to read, and waits for it.  Nothing if there is no such program.  Throws
/// `Error`: `timeout` and `io_error` (it writes more than `most_bytes`), after it was killed.
std::optional<ProcessResult> run_process(const std::vector<std::string>& command, std::chrono::milliseconds time,
                                         std::uintmax_t most_bytes);

}  // namespace dspy::documents
