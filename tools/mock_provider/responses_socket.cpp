#include "mock_provider/responses_socket.hpp"

#include "mock_provider/dialect.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace dspy::mock {
namespace {

bool has_upgrade(const Request& request) {
  const auto found = request.headers.find("upgrade");
  return found != request.headers.end() && found->second == "websocket";
}

/// Of a server-sent event, which has its data on one line.
std::string data_of(std::string_view event) {
  constexpr std::string_view name = "data: ";
  const auto at = event.find(name);
  if (at == std::string_view::npos) return {};
  event.remove_prefix(at + name.size());
  return std::string(event.substr(0, event.find_first_of("\r\n")));
}

}  // namespace

bool wants_socket(const Request& request) {
  return request.method == "GET" && has_upgrade(request);
}

bool is_socket_message(const Request& request) {
  return request.method == "POST" && has_upgrade(request);
}

std::optional<Request> request_in(const Request& message) {
  const auto json = parse_json(message.body);
  if (!json || !json->is_object()) return std::nullopt;
  auto body = json->get_object();
  if (string_in(body, "type") != "response.create") return std::nullopt;
  body.erase("type");
  body["stream"] = true;
  auto request = message;
  request.body = to_text(body);
  return request;
}

void use_messages(Reply& reply) {
  if (reply.status >= 400) {
    const auto body = parse_json(reply.body()).value_or(Json());
    JsonObject event{{"type", "error"}, {"status", reply.status}};
    if (body.is_object()) event["error"] = schema_in(body.get_object(), "error");
    reply.parts = {to_text(event)};
    return;
  }
  for (auto& part : reply.parts) part = data_of(part);
  std::erase(reply.parts, std::string());
}

}  // namespace dspy::mock
