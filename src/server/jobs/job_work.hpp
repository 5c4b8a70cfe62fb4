#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/async.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "server/programs/program_call.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

namespace dspy::server {

/// What one run of a job needs.
struct JobWork {
  std::shared_ptr<const ProgramContext> context;
  /// The agent served under a name; null if it is not an agent, empty if there are none.
  std::function<std::shared_ptr<const ReActAgent>(std::string_view name)> agent;
  std::filesystem::path journal;
  std::stop_token stop;
  FieldSink sink;
};

/// Runs a job until it is done or waits; it says so by its state.  Throws what the program throws.
Async<Job> work_on(JobWork work, Job job);

}  // namespace dspy::server
