#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/experiments/live_experiments.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// Something changed, for the stream of events: `created`, `updated` or `deleted`.
using OnChange = std::function<void(std::string_view tenant, std::string_view resource, std::string_view id,
                                    std::string_view change)>;

/// Where the jobs of a server are, for the resource `jobs`.
struct JobSource {
  std::function<Async<std::vector<JsonObject>>(Caller caller)> list = {};
  std::function<Async<std::optional<JsonObject>>(Caller caller, std::string id)> get = {};
};

/// The services behind a server's resources.  Null ones are not offered.
struct ResourceServices {
  Workspace workspace;
  /// The registry that programs are served from, where it is none of the workspace's; of the tenant without a name.
  std::filesystem::path registry = {};
  std::shared_ptr<TraceStore> traces = {};
  std::shared_ptr<KeyStore> keys = {};
  std::shared_ptr<const Catalog> catalog = {};             ///< To replay traces with.
  std::shared_ptr<Embedder> embedder = {};                 ///< To search indexes by vector.
  std::shared_ptr<ExperimentLog> experiments = {};         ///< What experiments have recorded.
  std::shared_ptr<LiveExperiments> live_experiments = {};  ///< Those that divide calls of this process.
  std::shared_ptr<OptimizationRunner> optimizations = {};  ///< Starts and stops optimizers.
  JobSource jobs = {};
  OnChange on_change = {};
};

/// Programs, runs, traces, feedback, datasets, experiments, optimizations, indexes, agents, keys and jobs.
ResourceTable standard_resources(const ResourceServices& services);

/// `POST /v1/feedback`, which joins a score to a trace.
std::vector<Route> feedback_routes(const ResourceServices& services);

}  // namespace dspy::server
