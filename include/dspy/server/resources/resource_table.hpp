#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/routes.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// All resources of a server.  Built before it is used; const members may then be called from any thread.
class ResourceTable {
 public:
  /// Throws `Error` (`invalid_parameter`) for a name that is taken or no name, a resource that cannot be listed, a
  /// relation to or from a field that is not there, or inputs of an action that are not notation.
  void add(Resource resource);

  const std::vector<std::shared_ptr<const Resource>>& all() const noexcept { return resources_; }
  /// Throws `HttpError` (404) that lists what there is.
  const Resource& at(std::string_view name) const;

  /// What there is, as `GET /api/resources` answers.
  JsonObject describe() const;
  /// `GET /api/resources`, and for each of them the list, the whole, its parts and its actions.
  std::vector<Route> routes() const;
  /// All scopes that its routes need.
  std::vector<std::string> scopes() const;

 private:
  std::vector<std::shared_ptr<const Resource>> resources_;
};

/// The query of a request's URL: `q`, `sort` (`-field` for descending), `limit`, `cursor`, and a filter for each
/// other name.  Throws `Error` (`bad_input`) for a limit that is not 1 to 1,000.
ResourceQuery query_of(const HttpRequest& request);

}  // namespace dspy::server
