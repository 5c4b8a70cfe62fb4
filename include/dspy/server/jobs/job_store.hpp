#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/tracing/trace_context.hpp"
#include "dspy/server/http.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// The state of a job.
enum class JobState {
  queued,
  running,
  waiting,  ///< For a person's consent to calls of tools.
  done,
  failed,
  cancelled,
};

std::string_view to_string(JobState state) noexcept;
/// Nothing for a name that is none.
std::optional<JobState> job_state(std::string_view name) noexcept;
/// Whether nothing changes it any more.
bool is_over(JobState state) noexcept;

/// A call of a program that outlives its request, and the process.
struct Job {
  std::string id = {};
  Caller caller = {};
  std::string unit = {};  ///< Whom an experiment assigns.
  std::string program = {};
  JsonObject inputs = {};
  JsonObject options = {};                                 ///< As of a call.
  std::shared_ptr<const TraceContext> remote_parent = {};  ///< The span of another process that started it.
  JobState state = JobState::queued;
  int attempts = 0;           ///< How often it was started.
  JsonObject answer = {};     ///< What the call would have answered, if it is done.
  JsonObject error = {};      ///< `{"message", "type", "field"?}`, if it failed.
  JsonArray waiting = {};     ///< `{"call", "tool", "arguments"}`, those without a decision.
  JsonObject decisions = {};  ///< By call: `{"decision", "note"?}`.
  std::chrono::system_clock::time_point created_at = {};
  std::chrono::system_clock::time_point updated_at = {};
};

/// As the API shows it: `{"id", "program", "state", "inputs", "attempts", "created_at", "updated_at"}`, and `outputs`,
/// `answer`, `error`, `waiting` where there are some.
JsonObject to_json(const Job& job);

/// Jobs in one SQLite file.  What `add` and `update` have returned from survives the end of the process.  Thread-safe.
class JobStore {
 public:
  /// Opens or makes the file.  Throws `Error` (`io_error`).
  explicit JobStore(const std::filesystem::path& path);
  ~JobStore();
  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;

  /// Sets the times.
  void add(Job& job);
  std::optional<Job> find(std::string_view id) const;
  /// Newest first, of one tenant; of one state and one key, if they are given.
  std::vector<Job> list(std::string_view tenant, std::optional<JobState> state, std::size_t limit,
                        std::string_view key = {}) const;
  /// In the order in which they were added, of all tenants: the jobs that a new process has to resume.
  std::vector<Job> unfinished() const;

  /// Writes what can change of a job, if it is in one of the states `from` still.  Returns whether it was.  Of one that
  /// is over, what looks like a key is taken out of inputs and answer, as nothing needs it any more.
  bool update(Job& job, std::initializer_list<JobState> from);
  /// Forgets those that have been over since before `time`.  How many.
  std::size_t remove_over(std::chrono::system_clock::time_point time);

  const std::filesystem::path& path() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace dspy::server
