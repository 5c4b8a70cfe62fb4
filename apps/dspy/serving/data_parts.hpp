#pragma once

#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/experiments/live_experiments.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/change_feed.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <memory>
#include <string>

namespace dspy::app {

struct DataFlags {
  std::string workspace;  ///< Empty: no resources.
  std::string traces;     ///< Empty: those of the workspace; `off`: none.
  std::string keys;       ///< Empty: nobody is asked for a key.
  std::string registry;   ///< Empty: that of the workspace.
  double trace_days = 30;
  double trace_gigabytes = 10;
};

/// What a server keeps, and who may ask it.
struct DataParts {
  std::shared_ptr<server::TraceStore> traces;
  std::shared_ptr<server::KeyStore> keys;
  std::shared_ptr<server::ChangeFeed> changes = std::make_shared<server::ChangeFeed>();
  std::shared_ptr<server::ExperimentLog> experiments;         ///< Null without a workspace.
  std::shared_ptr<server::LiveExperiments> live_experiments;  ///< Likewise.
};

/// Throws `Error` (`io_error`) for a file that cannot be opened.
DataParts open_data(const DataFlags& flags);
/// Calls of programs are traced, and held to what a key may use and spend.
void stand_around(const DataParts& parts, server::ProgramsOptions& options);
/// `/v1/feedback` for those who ask programs, `/api/…` for those who look after the server, and the key that both are
/// asked for.  `jobs` may be null.
void add_data(const DataFlags& flags, const DataParts& parts, const std::shared_ptr<server::Catalog>& catalog,
              const std::shared_ptr<server::JobRunner>& jobs, server::Routes& routes, server::Routes& admin_routes);

}  // namespace dspy::app
