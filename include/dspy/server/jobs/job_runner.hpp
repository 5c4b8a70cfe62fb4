#pragma once

#include "dspy/agents/react.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/tracing/trace_context.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/routes.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

struct JobOptions {
  ProgramsOptions programs = {};  ///< What stands around the calls.
  /// The agent that is served under a name, whose runs can wait for consent; null if it is none.
  std::function<std::shared_ptr<const ReActAgent>(std::string_view name)> agent = {};
  std::function<void(const Job& job)> on_change = {};  ///< Told of each new state, on any thread.
  std::size_t max_running = 16;
  /// A job that ended the process this many times is not restarted.
  int max_attempts = 3;
  /// Where the journal of an agent's job is, which stays there once the job is over.  Unset: beside the store, in
  /// `<file>.journals`, until then.
  std::function<std::filesystem::path(const Job& job)> journal = {};
  std::chrono::seconds keep_time = std::chrono::hours(24 * 7);  ///< Of those that are over.
};

/// Runs jobs from a store, on the library's own event loop.  Jobs that the previous process did not finish are picked
/// up: a program is called again, an agent resumes from its journal.  Thread-safe.
class JobRunner {
 public:
  JobRunner(std::shared_ptr<const Catalog> catalog, std::shared_ptr<JobStore> store, JobOptions options = {});
  /// Stops what runs, which stays queued for the next process.
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  /// Takes up what was not ended.  Returns how many.
  std::size_t resume();

  /// Once this returns, the job survives the process.  An experiment assigns `unit`; empty: the job by itself.  Its
  /// spans are part of `remote_parent`, if there is one.  Throws `Error`: 404 for a program that there is not,
  /// `bad_input` for inputs that it does not take.
  Job submit(const Caller& caller, const std::string& program, JsonObject inputs, JsonObject options,
             std::string unit = {}, std::shared_ptr<const TraceContext> remote_parent = {});
  // The jobs of other keys of a tenant are there for callers with the scope `jobs:read`, to be changed with
  // `jobs:write`.
  /// Throws `Error`: 404 for a job that there is not, or that the caller may not see.
  Job find(const Caller& caller, std::string_view id) const;
  std::vector<Job> list(const Caller& caller, std::optional<JobState> state, std::size_t limit) const;
  /// Throws `Error` as `find`; 403 for one that the caller may only see, 409 for one that is over.
  Job cancel(const Caller& caller, std::string_view id);
  /// Decides about a pending call; the job continues when all are decided.  Throws `Error` as `cancel`; 409 for one
  /// that does not wait for that.
  Job approve(const Caller& caller, std::string_view id, const std::string& call, bool allows, const std::string& note);

  /// From now on the job's events come into the pipe: `state` with the job, `field` with pieces of its outputs.  It is
  /// closed when the job is over.
  void follow(std::string_view id, std::shared_ptr<Pipe> pipe);

  struct Counts {
    std::size_t queued = 0;
    std::size_t running = 0;
  };
  Counts counts() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

/// `/v1/jobs`: start, list, one of them, `:cancel`, `:approve`, and its events.
std::vector<Route> job_routes(std::shared_ptr<JobRunner> runner, const std::string& scope = "invoke");

}  // namespace dspy::server
