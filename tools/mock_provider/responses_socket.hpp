#pragma once

#include "dspy/base/json.hpp"
#include "mock_provider/exchange.hpp"

#include <optional>

// The WebSocket mode of OpenAI's Responses: each message is `{"type": "response.create", …}` with the members of a
// request's body, and its answers are the events of a stream, a message each.

namespace dspy::mock {

bool wants_socket(const Request& request);

/// Whether a message of such a socket, which is a request with the head of the one that opened it.
bool is_socket_message(const Request& request);

/// The request that a message stands for; nothing for one of another kind.
std::optional<Request> request_in(const Request& message);

/// `reply` to such a request as messages; an error becomes an event.
void use_messages(Reply& reply);

}  // namespace dspy::mock
