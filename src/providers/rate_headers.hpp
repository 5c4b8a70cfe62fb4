#pragma once

#include "dspy/base/json.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/providers/dialect.hpp"

#include <chrono>

namespace dspy::providers {

/// What the header of a reply tells of the provider's limits, by what is limited (`requests`, `tokens`, `input_tokens`,
/// `output_tokens`): `{"limit", "remaining", "reset_ms", "per": "minute" | "day"}`.  A limit that is not above 0 is
/// unknown and left out, since some servers send -1 or 0 where they keep none.
JsonObject told_limits(const Dialect& dialect, const http::Headers& headers, std::chrono::system_clock::time_point now);

/// Keeps them as `rate_limits` of `Reply::provider_data`, where the limits around an LM look for them.
void keep_limits(Reply& reply, JsonObject limits);

}  // namespace dspy::providers
