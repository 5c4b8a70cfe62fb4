#include "data/workspace_table.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <cstddef>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

using Store = std::shared_ptr<server::JobStore>;

Async<std::vector<JsonObject>> list_jobs(Store store, std::string tenant) {
  constexpr std::size_t most = 10'000;
  std::vector<JsonObject> out;
  for (const auto& job : store->list(tenant, {}, most)) out.push_back(to_json(job));
  co_return out;
}

Async<std::optional<JsonObject>> find_job(Store store, std::string tenant, std::string id) {
  const auto job = store->find(id);
  co_return job && job->caller.tenant == tenant ? std::optional(to_json(*job)) : std::nullopt;
}

server::JobSource jobs_of(const std::filesystem::path& file) {
  const auto store = std::make_shared<server::JobStore>(file);
  return {.list = [store](server::Caller caller) { return list_jobs(store, std::move(caller.tenant)); },
          .get = [store](server::Caller caller,
                         std::string id) { return find_job(store, std::move(caller.tenant), std::move(id)); }};
}

}  // namespace

server::ResourceTable workspace_table(const std::filesystem::path& folder) {
  std::error_code code;
  if (folder != server::default_workspace() && !std::filesystem::is_directory(folder, code))
    throw Error(Errc::config_error, std::format("the folder `{}` does not exist; check --workspace", folder.string()));
  server::ResourceServices services{.workspace = server::Workspace(folder)};
  const auto exists = [&](const char* name) { return std::filesystem::exists(folder / name, code); };
  if (exists("traces.sqlite")) services.traces = std::make_shared<server::TraceStore>(folder / "traces.sqlite");
  if (exists("keys.sqlite")) services.keys = std::make_shared<server::KeyStore>(folder / "keys.sqlite");
  if (exists("experiments.sqlite"))
    services.experiments = std::make_shared<server::ExperimentLog>(folder / "experiments.sqlite");
  if (exists("jobs.sqlite")) services.jobs = jobs_of(folder / "jobs.sqlite");
  return server::standard_resources(services);
}

}  // namespace dspy::app
