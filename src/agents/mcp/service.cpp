#include "agents/mcp/service.hpp"

#include "agents/mcp/connection.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::rpc {
namespace {

using Server = McpServer::State;
using Outcome = std::variant<JsonObject, Fault>;

Fault invalid(std::string why) {
  return {.code = invalid_params, .message = std::move(why)};
}

JsonArray supported() {
  JsonArray out{modern_version};
  for (const auto& each : legacy_versions) out.emplace_back(each);
  return out;
}

/// Whether the call is of the newer protocol, or what is wrong with it.
std::expected<bool, Fault> era(const Call& call, Session& session) {
  if (call.method == "initialize") return false;
  const auto* const meta = call.params.if_contains("_meta");
  const auto* const version =
      meta != nullptr && meta->is_object() ? meta->get_object().if_contains(meta_key("protocolVersion")) : nullptr;
  if (version == nullptr) {
    if (call.is_notification() || call.method == "ping") return false;
    const std::lock_guard lock(session.mutex);
    if (!session.version.empty()) return false;
    return std::unexpected(
        invalid("`_meta` lacks `io.modelcontextprotocol/protocolVersion`, and `initialize` was not called"));
  }
  if (!version->is_string()) return std::unexpected(invalid("the protocol's version is not a string"));
  if (view(version->get_string()) != modern_version)
    return std::unexpected(Fault{.code = unsupported_version,
                                 .message = "this version of the protocol is not supported",
                                 .data = {{"supported", supported()}, {"requested", *version}}});
  const auto* const able = meta->get_object().if_contains(meta_key("clientCapabilities"));
  if (able == nullptr || !able->is_object())
    return std::unexpected(invalid("`_meta` lacks `io.modelcontextprotocol/clientCapabilities`"));
  return true;
}

JsonObject capabilities(const Server& server) {
  JsonObject out;
  if (!server.tools.empty()) out["tools"] = JsonObject();
  if (!server.resources.empty()) out["resources"] = JsonObject();
  if (!server.prompts.empty()) out["prompts"] = JsonObject();
  return out;
}

JsonObject info(const Server& server) {
  return {{"name", server.name}, {"version", server.version}};
}

JsonObject with_instructions(JsonObject out, const Server& server) {
  if (!server.instructions.empty()) out["instructions"] = server.instructions;
  return out;
}

Outcome initialized(const Server& server, Session& session, const JsonObject& params) {
  const auto* const asked = params.if_contains("protocolVersion");
  if (asked == nullptr || !asked->is_string()) return invalid("`protocolVersion` is missing");
  const auto wanted = view(asked->get_string());
  const std::string version(std::ranges::contains(legacy_versions, wanted) ? wanted : legacy_versions.front());
  {
    const std::lock_guard lock(session.mutex);
    session.version = version;
  }
  return with_instructions(
      {{"protocolVersion", version}, {"capabilities", capabilities(server)}, {"serverInfo", info(server)}}, server);
}

Outcome discovered(const Server& server) {
  return with_instructions({{"supportedVersions", JsonArray{modern_version}},
                            {"capabilities", capabilities(server)},
                            {"_meta", {{meta_key("serverInfo"), info(server)}}}},
                           server);
}

JsonObject to_json(const McpTool& tool) {
  JsonObject out{{"name", tool.name}};
  if (!tool.title.empty()) out["title"] = tool.title;
  if (!tool.description.empty()) out["description"] = tool.description;
  out["inputSchema"] = tool.input_schema;
  if (tool.output_schema) out["outputSchema"] = *tool.output_schema;
  return out;
}

Outcome listed_tools(const Server& server) {
  JsonArray out;
  for (const auto& each : server.tools) out.push_back(to_json(each.tool));
  return JsonObject{{"tools", std::move(out)}};
}

Outcome listed_resources(const Server& server) {
  JsonArray out;
  for (const auto& each : server.resources)
    out.push_back(JsonObject{
        {"uri", each.uri}, {"name", each.name}, {"description", each.description}, {"mimeType", each.media_type}});
  return JsonObject{{"resources", std::move(out)}};
}

Outcome listed_prompts(const Server& server) {
  JsonArray out;
  for (const auto& each : server.prompts) {
    JsonArray arguments;
    for (const auto& argument : each.arguments)
      arguments.push_back(JsonObject{
          {"name", argument.name}, {"description", argument.description}, {"required", argument.is_required}});
    out.push_back(
        JsonObject{{"name", each.name}, {"description", each.description}, {"arguments", std::move(arguments)}});
  }
  return JsonObject{{"prompts", std::move(out)}};
}

const std::string* text_in(const JsonObject& params, std::string_view name, std::string& out) {
  const auto* const value = params.if_contains(name);
  if (value == nullptr || !value->is_string()) return nullptr;
  out = view(value->get_string());
  return &out;
}

Outcome read_resource(const Server& server, const JsonObject& params) {
  std::string uri;
  if (text_in(params, "uri", uri) == nullptr) return invalid("`uri` is missing");
  const auto found = std::ranges::find(server.resources, uri, &McpResource::uri);
  if (found == server.resources.end()) return invalid(std::format("there is no resource `{}`", uri));
  return JsonObject{
      {"contents", JsonArray{JsonObject{{"uri", uri}, {"mimeType", found->media_type}, {"text", found->read()}}}}};
}

Outcome rendered_prompt(const Server& server, const JsonObject& params) {
  std::string name;
  if (text_in(params, "name", name) == nullptr) return invalid("`name` is missing");
  const auto found = std::ranges::find(server.prompts, name, &McpPrompt::name);
  if (found == server.prompts.end()) return invalid(std::format("there is no prompt `{}`", name));
  const auto* const given = params.if_contains("arguments");
  const auto arguments = given != nullptr && given->is_object() ? given->get_object() : JsonObject();
  for (const auto& argument : found->arguments)
    if (argument.is_required && !arguments.contains(argument.name))
      return invalid(std::format("the prompt `{}` needs the argument `{}`", name, argument.name));
  const JsonObject content{{"type", "text"}, {"text", found->render(arguments)}};
  return JsonObject{{"description", found->description},
                    {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", content}}}}};
}

JsonObject to_json(McpResult result) {
  JsonObject out{{"content", std::move(result.content)}};
  if (result.structured) out["structuredContent"] = *std::move(result.structured);
  out["isError"] = result.is_error;
  return out;
}

McpResult failed(std::string_view why) {
  return {.content = {JsonObject{{"type", "text"}, {"text", why}}}, .is_error = true};
}

std::function<void(const McpProgress&)> progress_to(const JsonObject& params, std::function<void(const Call&)> note) {
  const auto* const meta = params.if_contains("_meta");
  const auto* const token =
      meta != nullptr && meta->is_object() ? meta->get_object().if_contains("progressToken") : nullptr;
  if (token == nullptr || !note) return [](const McpProgress&) {};
  return [token = *token, note = std::move(note),
          last = std::make_shared<std::optional<double>>()](const McpProgress& at) {
    if (*last && at.progress <= **last) return;  // it must grow
    *last = at.progress;
    Call out{.method = "notifications/progress", .params = {{"progressToken", token}, {"progress", at.progress}}};
    if (at.total) out.params["total"] = *at.total;
    if (!at.message.empty()) out.params["message"] = at.message;
    note(out);
  };
}

Async<Outcome> called(std::shared_ptr<const Server> server, JsonObject params, std::stop_token stop,
                      std::function<void(const Call&)> note) {
  std::string name;
  if (text_in(params, "name", name) == nullptr) co_return invalid("`name` is missing");
  const auto found = std::ranges::find(server->tools, name, [](const auto& each) { return each.tool.name; });
  if (found == server->tools.end()) co_return invalid(std::format("there is no tool `{}`", name));
  const auto* const arguments = params.if_contains("arguments");
  if (arguments != nullptr && !arguments->is_object()) co_return invalid("`arguments` is not an object");
  McpServedCall call{.arguments = arguments != nullptr ? arguments->get_object() : JsonObject(),
                     .progress = progress_to(params, std::move(note)),
                     .stop = stop};
  std::string failure;
  try {
    co_return to_json(co_await found->function(std::move(call)));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  co_return to_json(failed(failure));
}

Async<Outcome> dispatched(std::shared_ptr<const Server> server, std::shared_ptr<Session> session, Call call,
                          std::stop_token stop, std::function<void(const Call&)> note, bool is_modern) {
  const auto& method = call.method;
  if (method == "tools/call") co_return co_await called(server, call.params, stop, std::move(note));
  if (method == "tools/list") co_return listed_tools(*server);
  if (method == "resources/list") co_return listed_resources(*server);
  if (method == "resources/templates/list") co_return JsonObject{{"resourceTemplates", JsonArray()}};
  if (method == "resources/read") co_return read_resource(*server, call.params);
  if (method == "prompts/list") co_return listed_prompts(*server);
  if (method == "prompts/get") co_return rendered_prompt(*server, call.params);
  if (is_modern && method == "server/discover") co_return discovered(*server);
  if (!is_modern && method == "initialize") co_return initialized(*server, *session, call.params);
  if (!is_modern && method == "ping") co_return JsonObject();
  co_return Fault{.code = method_not_found, .message = std::format("there is no method `{}`", method)};
}

void take_back(Session& session, const JsonObject& params) {
  const auto* const id = params.if_contains("requestId");
  if (id == nullptr) return;
  auto stop = std::stop_source(std::nostopstate);
  {
    const std::lock_guard lock(session.mutex);
    if (const auto found = session.running.find(to_text(*id)); found != session.running.end()) stop = found->second;
  }
  stop.request_stop();  // what listens may end the call
}

/// Keeps a call among those that can be taken back.
class Running {
 public:
  Running(std::shared_ptr<Session> session, const Json& id, const std::stop_source& stop)
      : session_(std::move(session)), id_(to_text(id)) {
    const std::lock_guard lock(session_->mutex);
    is_new_ = session_->running.try_emplace(id_, stop).second;
  }
  ~Running() {
    if (!is_new_) return;
    const std::lock_guard lock(session_->mutex);
    session_->running.erase(id_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  bool is_new() const noexcept { return is_new_; }

 private:
  std::shared_ptr<Session> session_;
  std::string id_;
  bool is_new_ = false;
};

JsonObject finished(JsonObject result, const std::string& method) {
  result["resultType"] = "complete";
  if (method.ends_with("/list") || method == "server/discover" || method == "resources/read") {
    result["ttlMs"] = 0;
    result["cacheScope"] = "private";
  }
  return result;
}

}  // namespace

Async<std::optional<Answer>> served(std::shared_ptr<const McpServer::State> server, std::shared_ptr<Session> session,
                                    Call call, std::function<void(const Call& note)> note) {
  if (call.is_notification()) {
    if (call.method == "notifications/cancelled") take_back(*session, call.params);
    co_return std::nullopt;
  }
  Answer answer{.id = call.id};
  const auto is_modern = era(call, *session);
  if (!is_modern) {
    answer.outcome = is_modern.error();
    co_return answer;
  }
  const std::stop_source stop;
  const Running running(session, call.id, stop);
  if (!running.is_new()) {
    answer.outcome = Fault{.code = invalid_request, .message = "a call of the same id is still under way"};
    co_return answer;
  }
  try {
    answer.outcome = co_await dispatched(server, session, call, stop.get_token(), std::move(note), *is_modern);
  } catch (const std::exception& error) {
    answer.outcome = Fault{.code = internal_error, .message = error.what()};
  }
  if (stop.stop_requested()) co_return std::nullopt;
  if (*is_modern && answer.fault() == nullptr)
    answer.outcome = finished(std::get<JsonObject>(std::move(answer.outcome)), call.method);
  co_return answer;
}

}  // namespace dspy::rpc
