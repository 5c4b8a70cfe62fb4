#pragma once

#include "dspy/agents/tools.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/transport.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

struct OpenApiOptions {
  std::string base_url = {};  ///< Else the document's first server.
  std::vector<http::Credential> credentials = {};
  /// Calls that change something (any method but GET and HEAD) need consent.
  bool approves_changes = true;
  std::optional<std::chrono::nanoseconds> timeout = std::chrono::seconds(30);
};

/// The operations of an HTTP interface as tools, from its description (OpenAPI 3.0 or 3.1, as JSON).  A tool is called
/// as its `operationId`, or else by method and path; its arguments are the operation's parameters, and `body`.  A
/// reply outside 200 to 299 is an error that the model reads.  Arguments cannot leave their place in the URL.  Throws
/// `Error` (`config_error`) that names the operation and what of it is not supported: `$ref`s to other documents,
/// cookies, bodies that are not JSON.
Tools openapi_tools(const Json& document, const std::shared_ptr<http::Transport>& transport,
                    const OpenApiOptions& options = {});

}  // namespace dspy
