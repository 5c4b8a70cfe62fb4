#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/http.hpp"
#include "server/protocols/gateway.hpp"

#include <cstdint>
#include <string_view>

// What is served, as each API lists it.

namespace dspy::server {

/// OpenAI's list, with the additional members that Anthropic's and System One's clients expect.  `since` is when models
/// were loaded.
JsonObject list_models(const Gateway& gateway, const Caller& caller, std::int64_t since);
/// One entry of it.  Throws `HttpError` (404) for a name that is not served.
JsonObject show_model(const Gateway& gateway, const Caller& caller, std::string_view name, std::int64_t since);

/// Ollama's `/api/tags` and `/api/show`.
JsonObject list_tags(const Gateway& gateway, const Caller& caller, std::int64_t since);
JsonObject show_tag(const Gateway& gateway, const Caller& caller, std::string_view name);

}  // namespace dspy::server
