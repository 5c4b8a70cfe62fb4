#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/http.hpp"
#include "server/protocols/gateway.hpp"

#include <memory>

// The endpoints that score, count and decide.

namespace dspy::server::scoring {

Async<HttpResponse> complete(std::shared_ptr<const Gateway> gateway, HttpRequest request);
Async<HttpResponse> tokenize(std::shared_ptr<const Gateway> gateway, HttpRequest request);
Async<HttpResponse> detokenize(std::shared_ptr<const Gateway> gateway, HttpRequest request);
Async<HttpResponse> count_tokens(std::shared_ptr<const Gateway> gateway, HttpRequest request);
Async<HttpResponse> decide(std::shared_ptr<const Gateway> gateway, HttpRequest request);

/// `{"detail": {"error_type", "message"}}`, of `/v1/systemone`.
Json decide_error(const Error& error, int status);

}  // namespace dspy::server::scoring
