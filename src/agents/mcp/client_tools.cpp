#include "dspy/agents/mcp/client.hpp"
#include "dspy/agents/tool.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/part.hpp"

#include <format>
#include <utility>

namespace dspy {
namespace {

std::string text_of(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

Part to_part(const JsonObject& content) {
  const auto type = text_of(content, "type");
  if (type == "text") return TextPart{.text = text_of(content, "text")};
  if (type == "image" || type == "audio") {
    MediaPart out{.kind = type == "image" ? MediaPart::Kind::image : MediaPart::Kind::audio};
    const auto bytes = base64::decode(text_of(content, "data"));
    if (!bytes) throw Error(Errc::backend_error, std::format("the MCP server sent {} data that is not base64", type));
    out.data = Bytes(*bytes);
    out.media_type = text_of(content, "mimeType");
    return out;
  }
  return TextPart{.text = to_text(content)};  // a resource, or a link to one
}

ToolOutcome to_outcome(McpResult result) {
  ToolOutcome out{.is_error = result.is_error};
  bool is_text = true;
  for (const auto& part : result.content)
    is_text = is_text && part.is_object() && text_of(part.get_object(), "type") == "text";
  out.value = result.structured ? *std::move(result.structured) : Json(result.text());
  if (is_text) return out;
  for (const auto& part : result.content)
    if (part.is_object()) out.parts.push_back(to_part(part.get_object()));
  return out;
}

Async<ToolOutcome> called(McpClient client, std::string name, JsonObject arguments, ToolContext context) {
  McpCallOptions options{.deadline = context.call.deadline, .stop = context.call.stop};
  co_return to_outcome(co_await client.call_tool(std::move(name), std::move(arguments), std::move(options)));
}

FunctionTool to_tool(const McpClient& client, const McpTool& tool) {
  auto description = tool.description.empty() ? tool.title : tool.description;
  if (description.empty()) description = std::format("The tool `{}`; its server gives no description.", tool.name);
  return {ToolDefinition{.name = tool.name, .description = std::move(description), .parameters = tool.input_schema},
          [client, name = tool.name](JsonObject arguments, ToolContext context) {
            return called(client, name, std::move(arguments), std::move(context));
          }};
}

}  // namespace

Async<Tools> mcp_tools(McpClient client) {
  Tools out;
  for (const auto& tool : co_await client.list_tools()) {
    try {
      out.add(to_tool(client, tool));
    } catch (const Error& error) {
      log(LogLevel::warning, "mcp",
          std::format("the tool `{}` of an MCP server is left out: {}", tool.name, error.what()));
    }
  }
  co_return out;
}

Tools mcp(std::string command_or_url, McpOptions options) {
  return wait(mcp_tools(McpClient(std::move(command_or_url), std::move(options))));
}

}  // namespace dspy
