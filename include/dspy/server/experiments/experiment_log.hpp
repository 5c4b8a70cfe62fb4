#pragma once

#include "dspy/server/experiments/exposure.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy::server {

/// What an experiment has learnt of one arm.
struct ArmRecord {
  std::string arm = {};
  std::uint64_t units = 0;  ///< Callers that it was given to.
  std::uint64_t calls = 0;
  std::uint64_t judged = 0;  ///< Calls with a judgement.
  /// Of each caller with a judgement, the mean of its judgements, in the order in which callers were first judged: as
  /// callers are assigned, they and not their calls are independent of each other.
  std::vector<double> values = {};
};

/// Exposures of callers to arms, and their outcomes, in one SQLite file (docs/formats/workspace.md).  Callers are kept
/// as digests of their names.  Calls are written in batches on a separate thread, so none waits for the disk; if they
/// cannot be written, they are dropped and counted.  Thread-safe; several processes may have the file open.
class ExperimentLog {
 public:
  /// Throws `Error` (`io_error`) if the file cannot be opened.
  explicit ExperimentLog(const std::filesystem::path& path);
  ~ExperimentLog();
  ExperimentLog(const ExperimentLog&) = delete;
  ExperimentLog& operator=(const ExperimentLog&) = delete;

  /// Kept within a fifth of a second.
  void expose(Exposure exposure);
  /// A judgement of a call; a later one of the same call takes its place.  Returns the experiment's name if the call
  /// was one of an experiment's.  Throws `Error` (`io_error`).
  std::optional<std::string> judge(const std::string& tenant, const std::string& trace, const std::string& metric,
                                   double score);
  /// By arm, those that were exposed.  Judgements after `until` are left out.  Throws `Error` (`io_error`).
  std::vector<ArmRecord> arms(const std::string& tenant, const std::string& experiment, const std::string& metric,
                              std::optional<std::chrono::system_clock::time_point> until = {}) const;
  /// Waits until what was exposed is kept, or dropped.
  void flush() const;
  std::uint64_t dropped() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace dspy::server
