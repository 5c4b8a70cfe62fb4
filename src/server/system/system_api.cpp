#include "dspy/server/system/system_api.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/version.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using System = std::shared_ptr<const SystemOptions>;

/// What of the process is in memory; nothing where the system does not say.
std::optional<std::uint64_t> resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t whole = 0, resident = 0;
  if (!(file >> whole >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<std::string> problems_of(const SystemOptions& system) {
  std::vector<std::string> out;
  if (system.is_draining && system.is_draining->load()) out.emplace_back("the server is shutting down");
  if (system.problems) {
    for (auto& problem : system.problems()) out.push_back(std::move(problem));
  }
  return out;
}

Async<HttpResponse> health(System /*system*/) {
  co_return HttpResponse{.headers = {{.name = "Content-Type", .value = "text/plain; charset=utf-8"}}, .body = "ok\n"};
}

Async<HttpResponse> readiness(System system) {
  const auto problems = problems_of(*system);
  // A program that could not be reloaded stays in service: this is reported, but does not stop requests.
  const bool ready = !(system->is_draining && system->is_draining->load());
  co_return json_response(JsonObject{{"ready", ready}, {"problems", JsonArray(problems.begin(), problems.end())}},
                          ready ? 200 : 503);
}

Async<HttpResponse> metrics(System system) {
  co_return HttpResponse{.headers = {{.name = "Content-Type", .value = "text/plain; version=0.0.4; charset=utf-8"}},
                         .body = system->metrics->text()};
}

JsonArray models_json(const Catalog& catalog) {
  JsonArray out;
  for (const auto& model : catalog.models()) {
    const char* const kind = model->lm ? "lm" : model->embedder ? "embedder" : "reranker";
    JsonObject one = {{"name", model->name}, {"kind", kind}};
    if (model->lm) one["model"] = model->lm->model();
    out.emplace_back(std::move(one));
  }
  return out;
}

Async<HttpResponse> state(System system, std::chrono::steady_clock::time_point begun) {
  JsonObject out = {{"version", dspy::version()},
                    {"uptime", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count()}};
  if (const auto bytes = resident_bytes()) out["memory_bytes"] = *bytes;
  if (system->admission) {
    const auto queue = system->admission->state();
    out["queue"] = JsonObject{{"waiting", queue.waiting}, {"running", queue.running}, {"limit", queue.limit}};
  }
  if (system->catalog) {
    out["models"] = models_json(*system->catalog);
    out["programs"] = system->catalog->programs().size();
  }
  if (system->costs) out["costs"] = system->costs();
  if (system->dropped_traces) out["dropped_traces"] = system->dropped_traces();
  const auto problems = problems_of(*system);
  out["problems"] = JsonArray(problems.begin(), problems.end());
  co_return json_response(out);
}

}  // namespace

std::vector<Route> system_routes(SystemOptions options) {
  const auto scope = options.scope;
  const System system = std::make_shared<const SystemOptions>(std::move(options));
  std::vector<Route> out;
  out.push_back({.path = "/healthz",
                 .handler = [system](HttpRequest) { return health(system); },
                 .document = {.summary = "Whether the process is alive", .tag = "system"},
                 .is_probe = true});
  out.push_back({.path = "/readyz",
                 .handler = [system](HttpRequest) { return readiness(system); },
                 .document = {.summary = "Whether it should get requests, and why not", .tag = "system"},
                 .is_probe = true});
  if (system->metrics)
    out.push_back({.path = "/metrics",
                   .handler = [system](HttpRequest) { return metrics(system); },
                   .scope = scope,
                   .document = {.summary = "Figures for Prometheus", .tag = "system"}});
  const auto begun = std::chrono::steady_clock::now();
  out.push_back({.path = "/api/system",
                 .handler = [system, begun](HttpRequest) { return state(system, begun); },
                 .scope = scope,
                 .document = {.summary = "Version, memory, queue, models", .tag = "system"}});
  return out;
}

}  // namespace dspy::server
