#pragma once

#include "dspy/server/event_stream.hpp"
#include "dspy/server/routes.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// Tells pages what has changed, as it does.  Thread-safe.
class ChangeFeed {
 public:
  /// `change` is `created`, `updated` or `deleted`.  Whoever follows the same tenant gets `event: <resource>` with
  /// `{"id", "change"}`.
  void tell(std::string_view tenant, std::string_view resource, std::string_view id, std::string_view change);
  /// Until nobody else has the pipe.
  void follow(std::string tenant, const std::shared_ptr<Pipe>& pipe);
  std::size_t followers() const;

 private:
  struct Follower {
    std::string tenant;
    std::weak_ptr<Pipe> pipe;
  };

  mutable std::mutex mutex_;
  std::vector<Follower> followers_;
};

/// `GET /api/events`, for callers with `scope`.
Route change_route(std::shared_ptr<ChangeFeed> feed, std::string scope = "events:read");

}  // namespace dspy::server
