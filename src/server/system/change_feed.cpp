#include "dspy/server/system/change_feed.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server {
namespace {

Async<HttpResponse> subscribe(std::shared_ptr<ChangeFeed> feed, HttpRequest request) {
  auto response = event_stream({});
  response.stream = [feed, tenant = request.caller.tenant, stop = request.stop](BodyWriter& writer) -> Async<void> {
    const auto pipe = make_pipe();
    const std::stop_callback end(stop, [pipe] { pipe->close(); });
    pipe->push(": listening\n\n");
    feed->follow(tenant, pipe);
    while (auto piece = co_await pipe->next())
      co_await writer.write(piece->empty() ? ": still here\n\n" : *std::move(piece));
  };
  co_return response;
}

}  // namespace

void ChangeFeed::tell(std::string_view tenant, std::string_view resource, std::string_view id,
                      std::string_view change) {
  const std::lock_guard lock(mutex_);
  std::string text;
  std::erase_if(followers_, [&](const Follower& follower) {
    const auto pipe = follower.pipe.lock();
    if (!pipe) return true;
    if (follower.tenant != tenant) return false;
    if (text.empty()) text = sent_event(resource, JsonObject{{"id", id}, {"change", change}});
    pipe->push(text);
    return false;
  });
}

void ChangeFeed::follow(std::string tenant, const std::shared_ptr<Pipe>& pipe) {
  const std::lock_guard lock(mutex_);
  followers_.push_back({.tenant = std::move(tenant), .pipe = pipe});
}

std::size_t ChangeFeed::followers() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(followers_, [](const Follower& follower) { return !follower.pipe.expired(); }));
}

Route change_route(std::shared_ptr<ChangeFeed> feed, std::string scope) {
  return {.path = "/api/events",
          .handler = [feed = std::move(feed)](HttpRequest request) { return subscribe(feed, std::move(request)); },
          .scope = std::move(scope),
          .document = {.summary = "What changes, as it does", .tag = "system", .streams = true}};
}

}  // namespace dspy::server
