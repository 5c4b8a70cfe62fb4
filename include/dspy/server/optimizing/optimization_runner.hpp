#pragma once

#include "dspy/base/json.hpp"
#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/optimizer.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dspy::server {

/// A run of an optimizer, ready to begin.
struct OptimizationWork {
  Program student;
  Training training = {};  ///< Checkpoint, stop and events are set by the runner.
  AnyOptimizer optimizer = {};
  /// What else is done with the best program; returns what to tell of it, such as `{"version": "triage:4"}`.  May be
  /// empty.
  std::function<JsonObject(const ProgramFile& best, const optimize::Report& report)> keep = {};
};

struct OptimizationOptions {
  /// Throws `Error` that says what of the settings is wrong.  A run that goes on is prepared from the same ones again.
  std::function<OptimizationWork(const Caller& caller, const JsonObject& settings)> prepare = {};
  /// Told of each change, at most twice a second while a run goes on; on any thread.
  std::function<void(const std::string& tenant, const std::string& id, const std::string& change)> on_change = {};
  std::size_t max_running = 2;
};

/// Runs optimizers, each on a thread of its own.  A run's settings are in `optimizations/<id>.run`, its checkpoint in
/// `<id>.jsonl`, its events in `<id>.events`, its report in `<id>.json`, and the best program in `<id>.best`
/// (docs/formats/workspace.md).  A run that was stopped, or whose process ended, resumes from its checkpoint.
/// Thread-safe.
class OptimizationRunner {
 public:
  OptimizationRunner(Workspace workspace, OptimizationOptions options);
  /// Stops what runs, which is `interrupted` then, and can be resumed.
  ~OptimizationRunner();
  OptimizationRunner(const OptimizationRunner&) = delete;
  OptimizationRunner& operator=(const OptimizationRunner&) = delete;

  /// Throws `HttpError`: 409 for an id that is taken, 429 where as many run as may; and what `prepare` throws.
  void start(const Caller& caller, const std::string& id, const JsonObject& settings);
  /// The best so far is kept.  Throws `HttpError`: 404 for a run that there is not, 409 for one that is not running.
  void stop(const Caller& caller, const std::string& id);
  /// Throws `HttpError` as `stop` and `start`; 409 for one that runs or is done.
  void resume(const Caller& caller, const std::string& id);
  bool is_running(const std::string& tenant, const std::string& id) const;

  /// What has happened, and then what happens, as `event: event` with an object each; `event: ended` is the last one.
  /// Throws `HttpError` (404).
  void follow(const Caller& caller, const std::string& id, const std::shared_ptr<Pipe>& pipe);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// `GET /api/optimizations/{id}/events`.
std::vector<Route> optimization_routes(std::shared_ptr<OptimizationRunner> runner);

}  // namespace dspy::server
