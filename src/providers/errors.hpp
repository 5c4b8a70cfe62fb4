#pragma once

#include "dspy/base/error.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/providers/dialect.hpp"

#include <chrono>
#include <string_view>

namespace dspy::providers {

/// What a provider's answer with a status from 400 tells, in every provider's form.  Of a body that is not JSON it has
/// the start in `raw`.
Error status_error(const Dialect& dialect, std::string_view model, const http::Response& response,
                   std::chrono::system_clock::time_point now);

/// What an `error` within a reply of status 200, or within a stream, tells: an object or a text.
Error reply_error(const Dialect& dialect, std::string_view model, const Json& error);

}  // namespace dspy::providers
