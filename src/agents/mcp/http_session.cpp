#include "agents/mcp/http_session.hpp"

#include "agents/mcp/connection.hpp"
#include "agents/mcp/headers.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <random>
#include <utility>

namespace dspy::rpc {
namespace {

HttpReply plain(int status, std::string text) {
  return {.status = status, .body = std::move(text), .is_json = false};
}

HttpReply faulty(int status, const Json& id, int code, std::string message) {
  return {.status = status,
          .body = to_text(to_json(Answer{.id = id, .outcome = Fault{.code = code, .message = std::move(message)}}))};
}

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool is_this_machine(std::string_view host) {
  return host == "127.0.0.1" || host == "[::1]" || text::equals_ignoring_case(host, "localhost");
}

bool accepts(std::string_view accept, std::string_view type) {
  return accept.empty() || accept.contains(type) || accept.contains("*/*");
}

std::string new_session_id() {
  std::random_device source;
  std::string out;
  for (int i = 0; i < 8; ++i) out += std::format("{:08x}", source());
  return out;
}

std::string named_version(const JsonObject& params) {
  const auto* const meta = params.if_contains("_meta");
  if (meta == nullptr || !meta->is_object()) return {};
  const auto* const version = meta->get_object().if_contains(meta_key("protocolVersion"));
  return version != nullptr && version->is_string() ? std::string(view(version->get_string())) : std::string();
}

bool has_progress_token(const JsonObject& params) {
  const auto* const meta = params.if_contains("_meta");
  return meta != nullptr && meta->is_object() && meta->get_object().contains("progressToken");
}

/// How the header and the message differ; empty if they agree.
std::string mismatch(const HttpRequest& request, const Call& call, const std::string& version) {
  if (request.field("mcp-protocol-version") != version) return "MCP-Protocol-Version is not the version in `_meta`";
  if (request.field("mcp-method") != call.method) return "Mcp-Method is not the message's method";
  if (const auto name = routed_name(call.method, call.params)) {
    const auto told = read_header_value(request.field("mcp-name"));
    if (!told || *told != *name) return "Mcp-Name does not match the message";
  }
  return {};
}

int status_of(const Fault& fault) {
  switch (fault.code) {
    case method_not_found: return 404;
    case parse_error:
    case invalid_request:
    case invalid_params:
    case header_mismatch:
    case missing_capability:
    case unsupported_version: return 400;
    default: return 200;
  }
}

}  // namespace

std::string_view HttpRequest::field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

bool HttpService::is_own_origin(std::string_view origin) const {
  if (std::ranges::contains(options_.origins, origin)) return true;
  return origin == std::format("http://127.0.0.1:{}", port_) || origin == std::format("http://localhost:{}", port_);
}

std::shared_ptr<Session> HttpService::find_session(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

std::optional<HttpReply> HttpService::refused(const HttpRequest& request) {
  if (!is_this_machine(host_of(request.field("host")))) return plain(403, "this server is for this machine only\n");
  if (const auto origin = request.field("origin"); !origin.empty() && !is_own_origin(origin))
    return plain(403, "pages of this origin may not ask this server; allow it with McpHttpOptions::origins\n");
  const auto target = std::string_view(request.target).substr(0, request.target.find('?'));
  if (target != options_.path) return plain(404, std::format("the endpoint is {}\n", options_.path));
  if (request.method == "DELETE") {
    const std::lock_guard lock(mutex_);
    return plain(sessions_.erase(std::string(request.field("mcp-session-id"))) > 0 ? 204 : 404, "");
  }
  if (request.method != "POST") return plain(405, "only POST is served\n");
  if (!request.field("content-type").starts_with("application/json")) return plain(415, "send application/json\n");
  if (!accepts(request.field("accept"), "application/json")) return plain(406, "accept application/json\n");
  return std::nullopt;
}

std::expected<HttpService::Accepted, HttpReply> HttpService::accepted(const HttpRequest& request) {
  auto message = read(request.body);
  if (!message) return std::unexpected(faulty(400, nullptr, message.error().code, message.error().message));
  auto* const call = std::get_if<Call>(&*message);
  if (call == nullptr) return std::unexpected(plain(202, ""));  // this server asks nothing
  Accepted out{.call = std::move(*call)};
  const auto version = named_version(out.call.params);
  out.wants_stream = !out.call.is_notification() && has_progress_token(out.call.params) &&
                     accepts(request.field("accept"), "text/event-stream");
  if (const std::string id(request.field("mcp-session-id")); !id.empty()) {
    out.session = find_session(id);
    if (!out.session)
      return std::unexpected(faulty(404, out.call.id, invalid_request, "the session is over; begin a new one"));
    return out;
  }
  out.session = std::make_shared<Session>();
  if (!version.empty()) {
    out.is_modern = true;
    if (const auto wrong = mismatch(request, out.call, version); !wrong.empty())
      return std::unexpected(faulty(400, out.call.id, header_mismatch, wrong));
    const std::lock_guard lock(mutex_);
    std::erase_if(modern_, [](const auto& each) { return each.expired(); });
    modern_.push_back(out.session);
  } else if (out.call.method == "initialize") {
    out.session_id = new_session_id();
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= options_.sessions)
      return std::unexpected(faulty(503, out.call.id, internal_error, "there are too many sessions; end one"));
    sessions_[out.session_id] = out.session;
  }
  return out;
}

Async<std::optional<Answer>> HttpService::run(const Accepted& accepted,
                                              std::function<void(const Call& note)> note) const {
  return served(server_, accepted.session, accepted.call, std::move(note));
}

HttpReply HttpService::reply(const Accepted& accepted, const Answer& answer) const {
  HttpReply out{.body = to_text(to_json(answer)), .session = accepted.session_id};
  const bool is_early = [&] {
    const std::lock_guard lock(accepted.session->mutex);
    return accepted.session->version.empty();
  }();
  if (const auto* const fault = answer.fault(); fault != nullptr && is_early) out.status = status_of(*fault);
  return out;
}

void HttpService::abandon(const Accepted& accepted) {
  auto stop = std::stop_source(std::nostopstate);
  {
    const std::lock_guard lock(accepted.session->mutex);
    const auto found = accepted.session->running.find(to_text(accepted.call.id));
    if (found != accepted.session->running.end()) stop = found->second;
  }
  stop.request_stop();
}

void HttpService::stop_all() {
  std::vector<std::stop_source> stops;
  const auto gather = [&](Session& session) {
    const std::lock_guard inner(session.mutex);
    for (const auto& [id, stop] : session.running) stops.push_back(stop);
  };
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, session] : sessions_) gather(*session);
    for (const auto& each : modern_)
      if (const auto session = each.lock()) gather(*session);
  }
  for (auto& stop : stops) stop.request_stop();
}

}  // namespace dspy::rpc
