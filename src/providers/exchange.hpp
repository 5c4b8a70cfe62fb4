#pragma once

#include "dspy/base/async.hpp"
#include "providers/endpoint.hpp"
#include "providers/protocol.hpp"

#include <string_view>

namespace dspy::providers {

// What is handed over by reference has to live until the coroutine has ended.

/// Sends a request and reads the whole reply.  Throws what the transport throws, and what the provider tells.
Async<Reply> exchange(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                      const WireRequest& wire, const Request& request);

/// The same with events on the way; what fails has in `raw` what came until then.
Async<Reply> stream_exchange(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                             const WireRequest& wire, const Request& request, EventSink sink);

/// Posts a body and returns the JSON object of the answer; for what is not a chat.
Async<JsonObject> post(const Endpoint& endpoint, std::string_view path, std::string_view model, const JsonObject& body,
                       const Request& limits);

}  // namespace dspy::providers
