#include "serving/data_parts.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/experiments/exposure.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/change_feed.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "serving/optimizing.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::app {

using namespace server;

namespace {

Async<std::vector<JsonObject>> list_jobs(std::shared_ptr<JobRunner> jobs, Caller caller) {
  constexpr std::size_t most = 10'000;
  std::vector<JsonObject> out;
  for (const auto& job : jobs->list(caller, {}, most)) out.push_back(to_json(job));
  co_return out;
}

Async<std::optional<JsonObject>> find_job(std::shared_ptr<JobRunner> jobs, Caller caller, std::string id) {
  co_return to_json(jobs->find(caller, id));
}

JobSource job_source(const std::shared_ptr<JobRunner>& jobs) {
  if (!jobs) return {};
  return {.list = [jobs](Caller caller) { return list_jobs(jobs, std::move(caller)); },
          .get = [jobs](Caller caller, std::string id) { return find_job(jobs, std::move(caller), std::move(id)); }};
}

/// A name that was typed wrong makes no new file.
void require_file(const std::string& path, std::string_view what, std::string_view remedy) {
  std::error_code code;
  if (path.empty() || std::filesystem::is_regular_file(path, code)) return;
  throw Error(Errc::config_error, std::format("the {} `{}` does not exist; check the path, or {}", what, path,
                                              std::vformat(remedy, std::make_format_args(path))));
}

}  // namespace

DataParts open_data(const DataFlags& flags) {
  require_file(flags.keys, "file of keys", "make a key with `dspy keys --file {} create NAME --scope invoke`");
  require_file(flags.registry, "registry", "add a program to it with `dspy registry --file {} add PROGRAM`");
  DataParts parts;
  if (!flags.keys.empty()) parts.keys = std::make_shared<KeyStore>(flags.keys);
  if (!flags.workspace.empty())
    parts.experiments = std::make_shared<ExperimentLog>(std::filesystem::path(flags.workspace) / "experiments.sqlite");
  auto file = std::filesystem::path(flags.traces);
  if (file.empty() && !flags.workspace.empty()) file = std::filesystem::path(flags.workspace) / "traces.sqlite";
  if (file.empty() || file == "off") return parts;
  constexpr double day = 86'400;
  constexpr double gigabyte = 1e9;
  parts.traces = std::make_shared<TraceStore>(
      file, TraceStoreOptions{.max_age = std::chrono::seconds(static_cast<std::int64_t>(flags.trace_days * day)),
                              .max_bytes = static_cast<std::uint64_t>(flags.trace_gigabytes * gigabyte),
                              .on_kept = [changes = parts.changes](const std::string& tenant, const std::string& id) {
                                changes->tell(tenant, "traces", id, "created");
                              }});
  return parts;
}

void stand_around(const DataParts& parts, ProgramsOptions& options) {
  if (parts.traces) {
    auto before = std::move(options.trace);
    options.trace = [traces = parts.traces, before = std::move(before)](const CallOrigin& origin) {
      auto sink = traces->sink({.id = origin.id,
                                .tenant = origin.tenant,
                                .program = origin.program,
                                .version = origin.version,
                                .key = origin.key});
      return before ? both(before(origin), std::move(sink)) : std::move(sink);
    };
  }
  if (parts.experiments)
    options.on_exposure = [log = parts.experiments](Exposure exposure) { log->expose(std::move(exposure)); };
  if (!parts.keys) return;
  options.charge = [keys = parts.keys](const Caller& caller) {
    auto charge = keys->charge(caller);
    return CallCharge{.budget = charge ? charge->budget() : nullptr, .keeps = charge};
  };
  options.may_use = [keys = parts.keys](const Caller& caller, std::string_view name) {
    return keys->may_ask(caller, name);
  };
}

void add_data(const DataFlags& flags, const DataParts& parts, const std::shared_ptr<Catalog>& catalog,
              const std::shared_ptr<JobRunner>& jobs, Routes& routes, Routes& admin_routes) {
  if (parts.keys) {
    for (auto* const each : {&routes, &admin_routes}) {
      each->set_authenticator(parts.keys->authenticator());
      each->set_recheck([keys = parts.keys](const Caller& caller, const std::string& scope) {
        return keys->still_admits(caller, scope);
      });
    }
  }
  ResourceServices services{
      .workspace = Workspace(flags.workspace),
      .registry = flags.registry,
      .traces = parts.traces,
      .keys = parts.keys,
      .catalog = catalog,
      .experiments = parts.experiments,
      .live_experiments = parts.live_experiments,
      .optimizations = optimization_runner(flags, parts, catalog),
      .jobs = job_source(jobs),
      .on_change = [changes = parts.changes](std::string_view tenant, std::string_view resource, std::string_view id,
                                             std::string_view change) { changes->tell(tenant, resource, id, change); }};
  routes.add(feedback_routes(services));
  if (flags.workspace.empty()) return;
  std::error_code code;
  const auto file = std::filesystem::path(flags.workspace) / "keys.sqlite";
  // Without keys to ask for, those that there are can still be looked after, by whoever reaches this machine.
  if (!services.keys && std::filesystem::is_regular_file(file, code)) services.keys = std::make_shared<KeyStore>(file);
  admin_routes.add(standard_resources(services).routes());
  if (services.optimizations) admin_routes.add(optimization_routes(services.optimizations));
  admin_routes.add(change_route(parts.changes));
}

}  // namespace dspy::app
