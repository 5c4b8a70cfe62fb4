#include "dspy/server/programs/programs_socket.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/change_feed.hpp"
#include "dspy/server/web_socket.hpp"
#include "server/programs/program_call.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

/// JSON texts have no line ends, so lines part the messages.
std::string line(JsonObject message, const Json& id) {
  if (!id.is_null()) message["id"] = id;
  return to_text(message) + "\n";
}

Async<void> send_lines(std::shared_ptr<Pipe> pipe, WebSocket& socket) {
  while (auto piece = co_await pipe->next()) {
    std::string_view rest = *piece;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      co_await socket.write(std::string(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

ProgramCall call_of(const ProgramContext& context, const HttpRequest& request, const JsonObject& message) {
  require_known(message, {"program", "inputs", "options", "id"}, "a message");
  const auto* const program = message.if_contains("program");
  if (program == nullptr || !program->is_string())
    throw Error(Errc::bad_input, "`program` must be text", {.invalid = {"program"}});
  return prepare(context, asking_of(request, std::string(view(program->get_string()))),
                 object_member(message, "inputs", true), object_member(message, "options", false));
}

Async<void> answer(const ProgramContext& context, const HttpRequest& request, std::string text,
                   std::shared_ptr<Pipe> pipe) {
  Json id;
  try {
    const auto message = json_body({.body = std::move(text)});
    if (const auto* const given = message.if_contains("id")) id = *given;
    auto done = co_await run_call(
        call_of(context, request, message),
        [&](const FieldEvent& event) {
          JsonObject data = {{"event", "field"}, {"field", event.field}, {"text", event.text}};
          if (event.restart) data["restart"] = true;
          pipe->push(line(std::move(data), id));
        },
        pipe->pace());
    done["event"] = "done";
    pipe->push(line(std::move(done), id));
  } catch (const Error& error) {
    auto body = error_body(error, status_of(error)).as_object();
    body["event"] = "error";
    pipe->push(line(std::move(body), id));
  } catch (const std::exception&) {
    pipe->push(
        line({{"event", "error"},
              {"error", JsonObject{{"message", "the server failed; its log says why"}, {"type", "inference_failed"}}}},
             id));
  }
  pipe->close();
}

Async<void> converse(std::shared_ptr<const ProgramContext> context, HttpRequest request, WebSocket& socket) {
  while (auto message = co_await socket.read()) {
    const auto pipe = make_pipe();
    std::vector<Async<void>> both;
    both.push_back(answer(*context, request, *std::move(message), pipe));
    both.push_back(send_lines(pipe, socket));
    co_await when_all(std::move(both));
  }
}

/// `event: NAME\ndata: {…}\n\n` of the feed as messages.
Async<void> send_changes(std::shared_ptr<Pipe> pipe, WebSocket& socket) {
  constexpr std::string_view event = "event: ", data = "data: ";
  while (auto piece = co_await pipe->next()) {
    std::string_view rest = *piece;
    std::string name;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const auto one = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (one.starts_with(event)) name = one.substr(event.size());
      if (!one.starts_with(data)) continue;
      auto body = parse_json(one.substr(data.size()));
      if (!body || !body->is_object()) continue;
      body->as_object()["event"] = name;
      co_await socket.write(to_text(*body));
    }
  }
}

Async<void> follow(std::shared_ptr<ChangeFeed> feed, HttpRequest request, WebSocket& socket) {
  const auto pipe = make_pipe();
  const std::stop_callback end(request.stop, [pipe] { pipe->close(); });
  feed->follow(request.caller.tenant, pipe);
  std::vector<Async<void>> both;
  both.push_back(send_changes(pipe, socket));
  // Messages of the client are read so that its end is seen; there is nothing to say.
  both.push_back([](WebSocket& from, std::shared_ptr<Pipe> until) -> Async<void> {
    while (co_await from.read()) {
    }
    until->close();
  }(socket, pipe));
  co_await when_all(std::move(both));
}

}  // namespace

WebSocketRoute program_socket(std::shared_ptr<const Catalog> catalog, ProgramsOptions options) {
  const auto scope = options.scope;
  const auto context = std::make_shared<const ProgramContext>(std::move(catalog), std::move(options));
  return {.handler = [context](HttpRequest request,
                               WebSocket& socket) { return converse(context, std::move(request), socket); },
          .scope = scope};
}

WebSocketRoute change_socket(std::shared_ptr<ChangeFeed> feed, std::string scope) {
  return {.handler = [feed = std::move(feed)](HttpRequest request,
                                              WebSocket& socket) { return follow(feed, std::move(request), socket); },
          .scope = std::move(scope)};
}

}  // namespace dspy::server
