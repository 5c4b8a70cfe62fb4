#include "dspy/agents/mcp/client.hpp"

#include "agents/mcp/connection.hpp"
#include "base/bell.hpp"
#include "dspy/base/error.hpp"

#include <algorithm>
#include <atomic>
#include <format>
#include <utility>

namespace dspy {
namespace {

using State = McpClient::State;
using rpc::Connection;

/// Ends the time in which others wait for a connection.
class Connecting {
 public:
  explicit Connecting(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~Connecting() {
    const std::lock_guard lock(state_->mutex);
    state_->is_connecting = false;
    for (const auto& bell : std::exchange(state_->waiting, {})) bell->ring();
  }
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;

 private:
  std::shared_ptr<State> state_;
};

Async<std::shared_ptr<Connection>> connection_of(std::shared_ptr<State> state) {
  const auto is_cancelled = std::make_shared<std::atomic<bool>>(false);
  while (true) {
    auto bell = std::make_shared<Bell>();
    {
      const std::lock_guard lock(state->mutex);
      if (state->connection && state->connection->channel->is_open()) co_return state->connection;
      if (state->connection && !state->options.reconnects)
        throw Error(Errc::unavailable, std::format("the MCP server `{}` has ended", state->target));
      if (!state->is_connecting) {
        state->is_connecting = true;
        break;
      }
      state->waiting.push_back(bell);
    }
    co_await Bell::wait(bell, [bell, is_cancelled] {
      is_cancelled->store(true);
      bell->ring();
    });
    if (is_cancelled->load()) throw Error(Errc::cancelled, "the caller asked to stop");
  }
  const Connecting guard(state);
  auto made = co_await rpc::connected(state->target, state->options);
  const std::lock_guard lock(state->mutex);
  state->connection = made;
  co_return made;
}

Async<JsonObject> asked(std::shared_ptr<State> state, std::string method, JsonObject params, McpCallOptions how) {
  for (bool is_first = true;; is_first = false) {
    const auto connection = co_await connection_of(state);
    try {
      co_return co_await rpc::asked(connection, state->options, method, params, how);
    } catch (const Error& error) {
      // A session that the server has forgotten: it did nothing.
      const bool is_forgotten = is_first && error.info().status == 404 && !connection->channel->is_open();
      if (!is_forgotten || !state->options.reconnects) throw;
    }
  }
}

[[noreturn]] void tell_broken(std::string_view what) {
  throw Error(Errc::backend_error, std::format("the MCP server's answer is not as the protocol has it: {}", what));
}

/// All pages of a list.
Async<std::vector<JsonObject>> listed(std::shared_ptr<State> state, std::string method, std::string key) {
  std::vector<JsonObject> out;
  JsonObject params;
  for (std::size_t page = 0; page < state->options.pages; ++page) {
    auto result = co_await asked(state, method, params, {});
    auto* const items = result.if_contains(key);
    if (items == nullptr || !items->is_array()) tell_broken(std::format("`{}` of `{}` is not a list", key, method));
    for (auto& item : items->get_array()) {
      if (!item.is_object())
        tell_broken(std::format("`{}` of `{}` contains something that is not an object", key, method));
      out.push_back(std::move(item.get_object()));
    }
    const auto* const next = result.if_contains("nextCursor");
    if (next == nullptr || next->is_null()) co_return out;
    if (!next->is_string() || (params.contains("cursor") && params.at("cursor") == *next))
      tell_broken(std::format("`nextCursor` of `{}` leads nowhere", method));
    params["cursor"] = *next;
  }
  throw Error(Errc::backend_error,
              std::format("the MCP server's list for `{}` has more than {} pages", method, state->options.pages));
}

std::string text_of(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

McpTool read_tool(const JsonObject& item) {
  McpTool out{
      .name = text_of(item, "name"), .title = text_of(item, "title"), .description = text_of(item, "description")};
  if (out.name.empty()) tell_broken("a tool has no name");
  const auto* const input = item.if_contains("inputSchema");
  if (input == nullptr || !input->is_object()) tell_broken(std::format("the tool `{}` has no `inputSchema`", out.name));
  out.input_schema = input->get_object();
  if (const auto* const output = item.if_contains("outputSchema"); output != nullptr && output->is_object())
    out.output_schema = output->get_object();
  if (const auto* const hints = item.if_contains("annotations"); hints != nullptr && hints->is_object()) {
    const auto read = [&](const char* name, bool& hint) {
      const auto* const value = hints->get_object().if_contains(name);
      if (value != nullptr && value->is_bool()) hint = value->get_bool();
    };
    read("readOnlyHint", out.read_only_hint);
    read("destructiveHint", out.destructive_hint);
    read("idempotentHint", out.idempotent_hint);
    read("openWorldHint", out.open_world_hint);
  }
  return out;
}

}  // namespace

std::string McpResult::text() const {
  std::string out;
  for (const auto& part : content) {
    if (!part.is_object() || text_of(part.get_object(), "type") != "text") continue;
    if (!out.empty()) out += '\n';
    out += text_of(part.get_object(), "text");
  }
  return out;
}

McpClient::McpClient(std::string command_or_url, McpOptions options) : state_(std::make_shared<State>()) {
  if (!command_or_url.starts_with("http://") && !command_or_url.starts_with("https://"))
    rpc::split_command(command_or_url);
  state_->target = std::move(command_or_url);
  state_->options = std::move(options);
}

Async<McpServerInfo> McpClient::connect() const {
  return [](std::shared_ptr<State> state) -> Async<McpServerInfo> {
    const auto connection = co_await connection_of(state);
    co_return connection->server;
  }(state_);
}

Async<std::vector<McpTool>> McpClient::list_tools() const {
  return [](std::shared_ptr<State> state) -> Async<std::vector<McpTool>> {
    std::vector<McpTool> out;
    for (const auto& item : co_await listed(state, "tools/list", "tools")) out.push_back(read_tool(item));
    co_return out;
  }(state_);
}

Async<McpResult> McpClient::call_tool(std::string name, JsonObject arguments, McpCallOptions options) const {
  return [](std::shared_ptr<State> state, std::string tool, JsonObject given, McpCallOptions how) -> Async<McpResult> {
    JsonObject params{{"name", tool}, {"arguments", std::move(given)}};
    auto result = co_await asked(state, "tools/call", std::move(params), std::move(how));
    McpResult out;
    auto* const content = result.if_contains("content");
    if (content != nullptr && !content->is_array()) tell_broken(std::format("`content` of `{}` is not a list", tool));
    if (content != nullptr) out.content = std::move(content->get_array());
    if (auto* const structured = result.if_contains("structuredContent")) out.structured = std::move(*structured);
    if (content == nullptr && !out.structured) tell_broken(std::format("the result of `{}` has no `content`", tool));
    const auto* const failed = result.if_contains("isError");
    out.is_error = failed != nullptr && failed->is_bool() && failed->get_bool();
    co_return out;
  }(state_, std::move(name), std::move(arguments), std::move(options));
}

Async<std::vector<JsonObject>> McpClient::list_resources() const {
  return listed(state_, "resources/list", "resources");
}

Async<std::vector<JsonObject>> McpClient::read_resource(std::string uri) const {
  return [](std::shared_ptr<State> state, std::string place) -> Async<std::vector<JsonObject>> {
    JsonObject params{{"uri", place}};
    auto result = co_await asked(state, "resources/read", std::move(params), {});
    std::vector<JsonObject> out;
    auto* const contents = result.if_contains("contents");
    if (contents == nullptr || !contents->is_array()) tell_broken("`contents` of a resource is not a list");
    for (auto& each : contents->get_array()) {
      if (!each.is_object()) tell_broken("`contents` of a resource contains something that is not an object");
      out.push_back(std::move(each.get_object()));
    }
    co_return out;
  }(state_, std::move(uri));
}

Async<std::vector<JsonObject>> McpClient::list_prompts() const {
  return listed(state_, "prompts/list", "prompts");
}

Async<JsonObject> McpClient::get_prompt(std::string name, JsonObject arguments) const {
  return asked(state_, "prompts/get", {{"name", std::move(name)}, {"arguments", std::move(arguments)}}, {});
}

Async<JsonObject> McpClient::request(std::string method, JsonObject params, McpCallOptions options) const {
  return asked(state_, std::move(method), std::move(params), std::move(options));
}

}  // namespace dspy
