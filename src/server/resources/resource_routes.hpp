#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/routes.hpp"

#include <memory>
#include <vector>

namespace dspy::server {

/// `GET /api/resources`.
Route description_route(JsonObject description);

/// All of one resource's.
std::vector<Route> routes_of(const std::shared_ptr<const Resource>& resource);

}  // namespace dspy::server
