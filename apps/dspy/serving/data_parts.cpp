#include "serving/data_parts.hpp"

#include "dspy/lm/trace.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/change_feed.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::app {

using namespace server;

DataParts open_data(const DataFlags& flags) {
  DataParts parts;
  if (!flags.keys.empty()) parts.keys = std::make_shared<KeyStore>(flags.keys);
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
  if (!parts.keys) return;
  options.charge = [keys = parts.keys](const Caller& caller) {
    auto charge = keys->charge(caller);
    return CallCharge{.budget = charge ? charge->budget() : nullptr, .keeps = charge};
  };
  options.may_use = [keys = parts.keys](const Caller& caller, std::string_view name) {
    return keys->may_ask(caller, name);
  };
}

void add_data(const DataFlags& flags, const DataParts& parts, const std::shared_ptr<Catalog>& catalog, Routes& routes) {
  if (parts.keys) routes.set_authenticator(parts.keys->authenticator());
  if (flags.workspace.empty()) return;
  ResourceServices services{
      .workspace = Workspace(flags.workspace),
      .traces = parts.traces,
      .keys = parts.keys,
      .catalog = catalog,
      .on_change = [changes = parts.changes](std::string_view tenant, std::string_view resource, std::string_view id,
                                             std::string_view change) { changes->tell(tenant, resource, id, change); }};
  if (!services.keys) {
    // Without keys to ask for, those that there are can still be looked after, by whoever reaches this machine.
    std::error_code code;
    const auto file = std::filesystem::path(flags.workspace) / "keys.sqlite";
    if (std::filesystem::is_regular_file(file, code)) services.keys = std::make_shared<KeyStore>(file);
  }
  routes.add(standard_resources(services).routes());
  routes.add(feedback_routes(services));
  routes.add(change_route(parts.changes));
}

}  // namespace dspy::app
