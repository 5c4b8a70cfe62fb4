#pragma once

#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/routes.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dspy::server {

/// What the server tells of itself.  Empty members are left out.
struct SystemOptions {
  std::shared_ptr<const Catalog> catalog = {};
  std::shared_ptr<const Admission> admission = {};
  std::shared_ptr<const Metrics> metrics = {};
  std::shared_ptr<const std::atomic<bool>> is_draining = {};
  /// Problems while the server keeps running, such as a program that could not be reloaded: sentences.
  std::function<std::vector<std::string>()> problems = {};
  std::function<std::uint64_t()> dropped_traces = {};
  std::function<Json()> costs = {};
  std::string scope = "system:read";  ///< For `/api/system` and `/metrics`.
};

/// `/healthz`, `/readyz`, `/metrics` and `/api/system`.
std::vector<Route> system_routes(SystemOptions options);

/// `/openapi.json`: OpenAPI 3.1 of `routes`, with the signatures that `catalog` has when it is asked for, of programs
/// that the caller may use.  Where keys are asked for, it needs one with `options.scope`.  Added last, as it knows the
/// routes that were there.
Route openapi_route(const Routes& routes, std::shared_ptr<const Catalog> catalog, ProgramsOptions options = {});

/// The document itself.
JsonObject openapi_document(const std::vector<std::unique_ptr<const Route>>& routes, const Catalog& catalog);

}  // namespace dspy::server
