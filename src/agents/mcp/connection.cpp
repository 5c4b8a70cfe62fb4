#include "agents/mcp/connection.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/version.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::rpc {
namespace {

JsonObject client_info(const McpOptions& options) {
  return {{"name", options.client_name}, {"version", version()}};
}

JsonObject capabilities(const McpOptions& options) {
  if (!options.elicit) return {};
  return {{"elicitation", {{"form", JsonObject()}, {"url", JsonObject()}}}};
}

JsonObject with_meta(JsonObject params, const McpOptions& options, std::string_view protocol) {
  auto& meta = params["_meta"];
  if (!meta.is_object()) meta = JsonObject();
  auto& object = meta.get_object();
  object[meta_key("protocolVersion")] = protocol;
  object[meta_key("clientInfo")] = client_info(options);
  object[meta_key("clientCapabilities")] = capabilities(options);
  return params;
}

[[noreturn]] void tell(const Fault& fault, std::string_view method) {
  const auto code =
      fault.code == method_not_found || fault.code == missing_capability || fault.code == unsupported_version
          ? Errc::unsupported
          : Errc::refused;
  throw Error(code, std::format("the MCP server refused `{}` with error {}: {}", method, fault.code, fault.message));
}

std::string text_of(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

void read_server_info(McpServerInfo& out, const Json* info) {
  if (info == nullptr || !info->is_object()) return;
  out.name = text_of(info->get_object(), "name");
  out.version = text_of(info->get_object(), "version");
}

void read_capabilities(McpServerInfo& out, const JsonObject& result) {
  if (const auto* const given = result.if_contains("capabilities"); given != nullptr && given->is_object())
    out.capabilities = given->get_object();
  out.instructions = text_of(result, "instructions");
}

std::vector<std::string> versions_in(const JsonObject& object, std::string_view name) {
  std::vector<std::string> out;
  if (const auto* const list = object.if_contains(name); list != nullptr && list->is_array())
    for (const auto& each : list->get_array())
      if (each.is_string()) out.emplace_back(view(each.get_string()));
  return out;
}

std::shared_ptr<Channel> opened(const std::string& target, const McpOptions& options) {
  auto on_call = [options](Call call) -> Async<Answer> {
    return [](McpOptions how, Call asked) -> Async<Answer> {
      if (asked.method == "ping") co_return Answer{.id = asked.id, .outcome = JsonObject()};
      if (asked.method == "elicitation/create" && how.elicit)
        co_return Answer{.id = asked.id, .outcome = co_await elicited(how, asked.params)};
      co_return Answer{.id = asked.id,
                       .outcome = Fault{.code = method_not_found, .message = "this client has no " + asked.method}};
    }(options, std::move(call));
  };
  if (target.starts_with("http://") || target.starts_with("https://")) return http_channel(target, options, on_call);
  return stdio_channel(target, options, on_call);
}

/// A greeting that the server took for the newer protocol's; null if it speaks the older one.
Async<std::shared_ptr<Connection>> discovered(std::shared_ptr<Channel> channel, McpOptions options) {
  Question question{.call = {.id = 0, .method = "server/discover", .params = with_meta({}, options, modern_version)},
                    .version = std::string(modern_version),
                    .is_modern = true,
                    .deadline = std::chrono::steady_clock::now() + options.discover_limit};
  Answer answer;
  try {
    answer = co_await channel->ask(std::move(question));
  } catch (const Error& error) {
    const bool is_older = error.code() == Errc::deadline_exceeded || error.code() == Errc::refused ||
                          (error.code() == Errc::unavailable && !error.info().status);
    if (!is_older) throw;
    co_return nullptr;
  }
  if (const auto* const fault = answer.fault()) {
    if (fault->code != unsupported_version || !fault->data.is_object()) co_return nullptr;
    const auto known = versions_in(fault->data.get_object(), "supported");
    const bool is_older =
        std::ranges::any_of(legacy_versions, [&](auto each) { return std::ranges::contains(known, each); });
    if (is_older) co_return nullptr;
    tell(*fault, "server/discover");
  }
  const auto& result = std::get<JsonObject>(answer.outcome);
  if (!std::ranges::contains(versions_in(result, "supportedVersions"), modern_version)) co_return nullptr;
  auto out = std::make_shared<Connection>();
  out->channel = std::move(channel);
  out->is_modern = true;
  out->server.protocol = modern_version;
  read_capabilities(out->server, result);
  if (const auto* const meta = result.if_contains("_meta"); meta != nullptr && meta->is_object())
    read_server_info(out->server, meta->get_object().if_contains(meta_key("serverInfo")));
  co_return out;
}

/// Null if the server speaks the newer protocol after all.
Async<std::shared_ptr<Connection>> initialized(std::shared_ptr<Channel> channel, McpOptions options) {
  Question question{.call = {.id = 1,
                             .method = "initialize",
                             .params = {{"protocolVersion", legacy_versions.front()},
                                        {"capabilities", capabilities(options)},
                                        {"clientInfo", client_info(options)}}},
                    .deadline = std::chrono::steady_clock::now() + options.connect_limit};
  auto answer = co_await channel->ask(std::move(question));
  if (const auto* const fault = answer.fault()) {
    if (fault->code == unsupported_version) co_return nullptr;
    tell(*fault, "initialize");
  }
  const auto& result = std::get<JsonObject>(answer.outcome);
  auto out = std::make_shared<Connection>();
  out->next_id = 2;
  out->server.protocol = text_of(result, "protocolVersion");
  if (!std::ranges::contains(legacy_versions, out->server.protocol))
    throw Error(
        Errc::unsupported,
        std::format("the MCP server speaks the protocol `{}`, which this library does not know", out->server.protocol));
  read_capabilities(out->server, result);
  read_server_info(out->server, result.if_contains("serverInfo"));
  out->channel = std::move(channel);
  co_await out->channel->tell({.call = {.method = "notifications/initialized"}, .version = out->server.protocol});
  co_return out;
}

McpProgress read_progress(const JsonObject& params) {
  const auto number = [&](std::string_view name) -> std::optional<double> {
    const auto* const value = params.if_contains(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
  };
  return {.progress = number("progress").value_or(0), .total = number("total"), .message = text_of(params, "message")};
}

/// The parameters with which the call is repeated.
Async<JsonObject> with_inputs(McpOptions options, JsonObject params, JsonObject result) {
  params.erase("inputResponses");
  params.erase("requestState");
  if (const auto* const state = result.if_contains("requestState")) params["requestState"] = *state;
  const auto* const requests = result.if_contains("inputRequests");
  if (requests == nullptr || !requests->is_object()) co_return params;
  JsonObject responses;
  for (const auto& [key, request] : requests->get_object()) {
    const auto method = request.is_object() ? text_of(request.get_object(), "method") : "";
    if (method != "elicitation/create" || !options.elicit)
      throw Error(Errc::unsupported,
                  std::format("the MCP server wants `{}` before it answers, which this client cannot give{}", method,
                              method == "elicitation/create" ? "; set McpOptions::elicit" : ""));
    const auto* const asked = request.get_object().if_contains("params");
    responses[key] =
        co_await elicited(options, asked != nullptr && asked->is_object() ? asked->get_object() : JsonObject());
  }
  params["inputResponses"] = std::move(responses);
  co_return params;
}

}  // namespace

Async<JsonObject> elicited(McpOptions options, JsonObject params) {
  McpElicitation question{.message = text_of(params, "message"), .url = text_of(params, "url")};
  if (const auto* const schema = params.if_contains("requestedSchema"); schema != nullptr && schema->is_object())
    question.schema = schema->get_object();
  const auto answer = co_await options.elicit(std::move(question));
  switch (answer.action) {
    case McpElicitationAnswer::Action::accept: co_return JsonObject{{"action", "accept"}, {"content", answer.content}};
    case McpElicitationAnswer::Action::decline: co_return JsonObject{{"action", "decline"}};
    case McpElicitationAnswer::Action::cancel: break;
  }
  co_return JsonObject{{"action", "cancel"}};
}

Async<std::shared_ptr<Connection>> connected(std::string target, McpOptions options) {
  auto channel = opened(target, options);
  if (auto modern = co_await discovered(channel, options)) co_return modern;
  if (!channel->is_open()) channel = opened(target, options);  // some end at what they do not know
  if (auto older = co_await initialized(channel, options)) co_return older;
  options.discover_limit = options.connect_limit;  // it began slowly, and has taken the first greeting meanwhile
  if (auto modern = co_await discovered(std::move(channel), options)) co_return modern;
  throw Error(Errc::unsupported, "the MCP server speaks no protocol that this library knows");
}

Async<JsonObject> asked(std::shared_ptr<Connection> connection, McpOptions options, std::string method,
                        JsonObject params, McpCallOptions how) {
  const auto latest = std::chrono::steady_clock::now() + options.call_limit;
  for (int round = 0; round <= options.input_rounds; ++round) {
    const auto id = connection->next_id.fetch_add(1);
    auto sent = connection->is_modern ? with_meta(params, options, connection->version()) : params;
    if (how.on_progress) {
      if (!sent.contains("_meta")) sent["_meta"] = JsonObject();
      sent["_meta"].as_object()["progressToken"] = id;
    }
    Question question{.call = {.id = id, .method = method, .params = std::move(sent)},
                      .version = connection->version(),
                      .is_modern = connection->is_modern,
                      .deadline = how.deadline ? std::min(*how.deadline, latest) : latest,
                      .stop = how.stop};
    if (how.on_progress)
      question.on_note = [id, tell_progress = how.on_progress](const Call& note) {
        const auto* const token = note.params.if_contains("progressToken");
        if (note.method == "notifications/progress" && token != nullptr && *token == Json(id))
          tell_progress(read_progress(note.params));
      };
    auto answer = co_await connection->channel->ask(std::move(question));
    if (const auto* const fault = answer.fault()) tell(*fault, method);
    auto& result = std::get<JsonObject>(answer.outcome);
    const auto type = text_of(result, "resultType");
    if (type.empty() || type == "complete") co_return std::move(result);
    if (type != "input_required")
      throw Error(Errc::backend_error, std::format("the MCP server's result is of the unknown type `{}`", type));
    params = co_await with_inputs(options, std::move(params), std::move(result));
  }
  throw Error(Errc::refused, std::format("the MCP server asked for input {} times and did not answer `{}`; see "
                                         "McpOptions::input_rounds",
                                         options.input_rounds, method));
}

}  // namespace dspy::rpc
