#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy::optimize {

struct TrainerRun {
  std::vector<std::string> argv = {};
  std::filesystem::path log = {};  ///< Gets what the program prints.
  std::optional<std::chrono::seconds> time_limit = {};
  std::stop_token stop = {};
};

/// Runs another program to its end, in this process's folder and environment; what it started in its process group ends
/// with it.  Throws `Error`: `config_error` if it cannot be started or fails, with the end of its log;
/// `deadline_exceeded`, `cancelled`; `io_error` if the log cannot be written.
void run_trainer(const TrainerRun& run);

}  // namespace dspy::optimize
