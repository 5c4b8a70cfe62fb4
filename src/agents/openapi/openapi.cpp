#include "dspy/agents/openapi/openapi.hpp"

#include "agents/openapi/operation.hpp"
#include "dspy/base/error.hpp"
#include "dspy/http/url.hpp"

#include <cstddef>
#include <format>
#include <utility>

namespace dspy {
namespace {

constexpr std::size_t most_bytes = std::size_t{16} << 20;

std::string base_of(const Json& document, const OpenApiOptions& options) {
  auto base = options.base_url;
  if (base.empty()) {
    boost::system::error_code code;
    const auto* const url = document.find_pointer("/servers/0/url", code);
    if (url != nullptr && url->is_string()) base = view(url->get_string());
  }
  const auto url = http::parse_url(base);
  if (!url) {
    throw Error(Errc::config_error,
                std::format("the OpenAPI document names no usable server ({}); give a `base_url`", url.error()));
  }
  if (!url->query.empty() || url->has_userinfo)
    throw Error(Errc::config_error, "the base URL of an HTTP interface has neither a query nor a password");
  while (base.ends_with('/')) base.pop_back();
  return base;
}

struct Endpoint {
  openapi::Operation operation;
  std::string base;
  std::vector<http::Credential> credentials;
  std::shared_ptr<http::Transport> transport;
};

Async<ToolOutcome> ask(std::shared_ptr<const Endpoint> endpoint, JsonObject arguments, ToolContext context) {
  const auto& operation = endpoint->operation;
  auto target = openapi::target_of(operation, arguments);
  http::Request request{.method = operation.method,
                        .url = endpoint->base + target.path_and_query,
                        .credentials = endpoint->credentials,
                        .deadline = context.call.deadline,
                        .stop = context.call.stop};
  for (auto& [name, value] : target.headers) {
    http::require_sendable(name, value);
    request.headers.add(std::move(name), std::move(value));
  }
  request.headers.set("Accept", "application/json");
  if (operation.method != "GET" && operation.method != "HEAD" && !context.idempotency_key.empty())
    request.headers.set("Idempotency-Key", context.idempotency_key);
  if (const auto* const body = arguments.if_contains("body"); operation.has_body && body != nullptr) {
    request.headers.set("Content-Type", "application/json");
    request.body = to_text(*body);
  }
  const auto response = co_await http::send(endpoint->transport, std::move(request), most_bytes);
  if (response.status < 200 || response.status > 299)
    co_return ToolOutcome::error(std::format("HTTP status {}: {}", response.status, response.body));
  if (auto json = parse_json(response.body)) co_return ToolOutcome{.value = *std::move(json)};
  co_return ToolOutcome{.value = Json(response.body)};
}

}  // namespace

Tools openapi_tools(const Json& document, const std::shared_ptr<http::Transport>& transport,
                    const OpenApiOptions& options) {
  if (!transport) throw Error(Errc::config_error, "tools over HTTP need a transport, such as an http::CurlTransport");
  const auto base = base_of(document, options);
  Tools tools;
  for (auto& operation : openapi::operations_of(document)) {
    const bool is_safe = operation.method == "GET" || operation.method == "HEAD";
    const ToolOptions how{.idempotent = is_safe || operation.method == "PUT" || operation.method == "DELETE",
                          .needs_approval = !is_safe && options.approves_changes,
                          .timeout = options.timeout};
    auto definition = operation.definition;
    const auto endpoint = std::make_shared<const Endpoint>(std::move(operation), base, options.credentials, transport);
    tools.add(FunctionTool(
        std::move(definition),
        [endpoint](JsonObject arguments, ToolContext context) {
          return ask(endpoint, std::move(arguments), std::move(context));
        },
        how));
  }
  return tools;
}

}  // namespace dspy
