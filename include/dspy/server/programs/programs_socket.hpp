#pragma once

#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/system/change_feed.hpp"
#include "dspy/server/web_socket.hpp"

#include <memory>
#include <string>

namespace dspy::server {

/// `/v1/programs`: each message `{"program", "inputs", "options"?, "id"?}` is a call, answered by messages with
/// `"event"`: `field` (`"field"`, `"text"`), then `done` or `error`, each with the call's `"id"`.  One call at a time.
WebSocketRoute program_socket(std::shared_ptr<const Catalog> catalog, ProgramsOptions options = {});

/// `/api/events`: `{"event": <resource>, "id", "change"}`, as the server-sent events of that path.
WebSocketRoute change_socket(std::shared_ptr<ChangeFeed> feed, std::string scope = "events:read");

}  // namespace dspy::server
