#include "providers/exchange.hpp"

#include "base/json/json_text.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/ndjson.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "dspy/lm/pace.hpp"
#include "dspy/lm/tracing/trace_context.hpp"
#include "providers/errors.hpp"
#include "providers/rate_headers.hpp"
#include "providers/socket_exchange.hpp"
#include "providers/stop_cutter.hpp"

#include <format>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dspy::providers {
namespace {

constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;
constexpr auto most_stream_bytes = 4 * most_bytes;

/// A body, and what its header tells of the provider's limits.
struct Posted {
  JsonObject body;
  JsonObject limits;
};

http::Request sent(const Endpoint& endpoint, std::string_view path, const JsonObject& body, const Request& limits,
                   bool stream) {
  std::string text;
  text.reserve(4'096);
  append_text(text, body);  // `to_text` would copy the body into a value first
  auto out = endpoint.request(path, std::move(text), stream);
  out.deadline = limits.deadline;
  out.stop = limits.stop;
  if (endpoint.sends_trace_context && limits.trace_context) {
    out.headers.set("traceparent", traceparent(*limits.trace_context));
    if (!limits.trace_context->state.empty()) out.headers.set("tracestate", limits.trace_context->state);
  }
  return out;
}

JsonObject object_of(const Endpoint& endpoint, std::string_view model, http::Response response) {
  if (response.status < 200 || response.status >= 300) {
    endpoint.redact(response.body);
    endpoint.redact(response.headers);  // of which an error tells the request's id
    throw status_error(*endpoint.dialect, model, response, Clock::real().wall());
  }
  endpoint.redact_reply(response.body);
  auto json = parse_json(text::trim(response.body));
  if (json && json->is_object()) return std::move(json->get_object());
  endpoint.redact(response.body);
  throw Error(Errc::unavailable,
              std::format("{} sent something that is not a JSON object; check the base URL, and any proxy in between",
                          endpoint.dialect->title),
              {.status = response.status,
               .model = std::string(model),
               .provider = std::string(endpoint.dialect->name),
               .raw = response.body.substr(0, 4096)});
}

Async<std::string> read_all(std::unique_ptr<http::Body> body) {
  std::string out;
  while (auto piece = co_await body->next()) {
    out += *piece;
    if (out.size() > most_bytes) throw Error(Errc::stream_broken, "the reply is longer than 64 MiB");
  }
  co_return out;
}

/// Takes the bytes of a stream apart.
class Frames {
 public:
  /// The endpoint outlives this.
  Frames(Framing framing, const Endpoint& endpoint) : lines_(framing == Framing::lines), endpoint_(endpoint) {}

  /// Calls `take` for each whole frame, until the reducer is done.
  void feed(std::string bytes, Reducer& reducer, Emitter& out) {
    if (lines_) {
      ndjson_.feed(std::move(bytes));
      while (auto line = reducer.is_done() ? std::nullopt : ndjson_.next()) {
        std::string data(*line);
        endpoint_.redact_reply(data);
        reducer.push({.data = data}, out);
      }
      return;
    }
    events_.feed(std::move(bytes));
    while (auto event = reducer.is_done() ? std::nullopt : events_.next()) {
      std::string data(event->data);
      endpoint_.redact_reply(data);
      reducer.push({.event = event->event, .data = data}, out);
    }
  }

  /// After the last bytes: a last frame without its end, and lines that are not events, in which some tell errors.
  void finish(const Dialect& dialect, Reducer& reducer, Emitter& out) {
    if (reducer.is_done()) return;
    if (lines_) {
      if (const auto line = ndjson_.finish()) push_if_whole({.data = *line}, reducer, out);
      return;
    }
    if (const auto event = events_.finish()) push_if_whole({.event = event->event, .data = event->data}, reducer, out);
    const auto stray = parse_json(text::trim(events_.stray()));
    const auto* const object = stray ? stray->if_object() : nullptr;
    const auto* const error = object != nullptr ? object->if_contains("error") : nullptr;
    if (error != nullptr) throw reply_error(dialect, {}, *error);
  }

 private:
  static void push_if_whole(const Frame& frame, Reducer& reducer, Emitter& out) {
    const auto data = text::trim(frame.data);
    if (data.starts_with("[DONE]") || parse_json(data)) reducer.push(frame, out);
  }

  bool lines_;
  const Endpoint& endpoint_;
  http::Ndjson ndjson_;
  http::ServerSentEvents events_;
};

/// Between the protocol and the caller's sink: remembers the text, and cuts it at stop texts.
class Listener {
 public:
  Listener(EventSink sink, const std::vector<std::string>& stops) : sink_(std::move(sink)) {
    if (!stops.empty()) cutter_.emplace(stops);
  }

  void operator()(StreamEvent event) {
    event.usage.requests = 1;
    if (event.kind != StreamEvent::Kind::text) return tell(event);
    index_ = event.part_index;
    if (!cutter_) {
      seen_ += event.text;
      return tell(event);
    }
    cutter_->push(event.text, [this](std::string_view text) { tell_text(text); });
  }

  void finish() {
    if (cutter_) cutter_->finish([this](std::string_view text) { tell_text(text); });
  }

  const std::string& seen() const noexcept { return seen_; }

 private:
  void tell(const StreamEvent& event) {
    if (sink_) sink_(event);
  }
  void tell_text(std::string_view text) {
    seen_ += text;
    tell({.kind = StreamEvent::Kind::text, .text = text, .usage = {.requests = 1}, .part_index = index_});
  }

  EventSink sink_;
  std::optional<StopCutter> cutter_;
  std::string seen_;
  std::size_t index_ = 0;
};

/// The events of a reply that came whole although a stream was asked for.
void emit_whole(const Reply& reply, Emitter& out) {
  out.start(reply.id, reply.model);
  const auto& completion = reply.completion();
  out.reasoning(completion.reasoning);
  out.text(completion.text);
  std::size_t number = 0;
  for (const auto& call : completion.tool_calls)
    out.tool_call(std::to_string(number++), call.id, call.name, to_text(Json(call.input)));
}

/// What a stream has no pieces of: citations, refusals and media, each whole.
void emit_parts(const Reply& reply, Emitter& out) {
  for (const auto& part : to_message(reply.completion()).parts) {
    const bool is_whole =
        part.get<CitationPart>() != nullptr || part.get<RefusalPart>() != nullptr || part.get<MediaPart>() != nullptr;
    if (is_whole) out.part(part);
  }
}

/// Adds the request's target, if the error lacks it, and the text so far.
Error located(const Error& error, const Dialect& dialect, std::string_view model, const std::string& seen) {
  auto info = error.info();
  if (info.model.empty()) info.model = model;
  if (info.provider.empty()) info.provider = dialect.name;
  if (info.raw.empty()) info.raw = seen;
  return {error.code(), error.what(), std::move(info)};
}

/// Reads a stream to its end.
Async<Reply> reduced(const Endpoint& endpoint, const Protocol& protocol, http::Body& body, Emitter& out, Pace pace) {
  const auto reducer = protocol.reduce(*endpoint.dialect);
  Frames frames(protocol.framing, endpoint);
  std::size_t bytes = 0;
  while (!reducer->is_done()) {
    auto piece = co_await body.next();
    if (!piece) break;
    bytes += piece->size();
    if (bytes > most_stream_bytes)
      throw Error(Errc::stream_broken,
                  std::format("{} sent more than 256 MiB without an end", endpoint.dialect->title));
    frames.feed(*std::move(piece), *reducer, out);
    if (pace.is_held()) co_await pace.keep();
  }
  frames.finish(*endpoint.dialect, *reducer, out);
  co_return protocol.read(reducer->finish(), *endpoint.dialect);
}

Async<Reply> whole_or_error(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                            http::Streamed streamed, Emitter& out) {
  http::Response response{.status = streamed.status, .headers = std::move(streamed.headers)};
  response.body = co_await read_all(std::move(streamed.body));
  auto reply = protocol.read(object_of(endpoint, model, std::move(response)), *endpoint.dialect);
  emit_whole(reply, out);
  co_return reply;
}

Async<Posted> posted_with_limits(const Endpoint& endpoint, std::string_view path, std::string_view model,
                                 const JsonObject& body, const Request& limits) {
  try {
    auto response = co_await http::send(endpoint.transport, sent(endpoint, path, body, limits, false), most_bytes);
    auto told = told_limits(*endpoint.dialect, response.headers, Clock::real().wall());
    co_return Posted{.body = object_of(endpoint, model, std::move(response)), .limits = std::move(told)};
  } catch (const Error& error) {
    throw located(error, *endpoint.dialect, model, {});
  }
}

}  // namespace

Async<JsonObject> post(const Endpoint& endpoint, std::string_view path, std::string_view model, const JsonObject& body,
                       const Request& limits) {
  auto posted = co_await posted_with_limits(endpoint, path, model, body, limits);
  co_return std::move(posted.body);
}

Async<Reply> exchange(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                      const WireRequest& wire, const Request& request) {
  if (endpoint.sockets) co_return co_await stream_exchange(endpoint, protocol, model, wire, request, {});
  auto posted = co_await posted_with_limits(endpoint, wire.path, model, wire.body, request);
  try {
    auto reply = protocol.read(posted.body, *endpoint.dialect);
    keep_limits(reply, std::move(posted.limits));
    co_return reply;
  } catch (const Error& error) {
    throw located(error, *endpoint.dialect, model, {});
  }
}

Async<Reply> stream_exchange(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                             const WireRequest& wire, const Request& request, EventSink sink) {
  Listener listener(std::move(sink), wire.stops);
  const EventSink listen = [&](const StreamEvent& event) { listener(event); };
  Emitter out(listen);
  try {
    if (endpoint.sockets) {
      auto reply = co_await ask_over_socket(endpoint, protocol, model, wire, request, out);
      listener.finish();
      emit_parts(reply, out);
      co_return reply;
    }
    auto streamed = co_await endpoint.transport->open(sent(endpoint, wire.path, wire.body, request, true));
    const auto type = streamed.headers.find("Content-Type").value_or("");
    const bool is_whole = protocol.framing == Framing::server_sent_events && type.starts_with("application/json");
    const bool is_stream = streamed.status >= 200 && streamed.status < 300 && !is_whole;
    auto limits = told_limits(*endpoint.dialect, streamed.headers, Clock::real().wall());
    Reply reply;
    if (is_stream) {
      reply = co_await reduced(endpoint, protocol, *streamed.body, out, Pace(request));
    } else {
      reply = co_await whole_or_error(endpoint, protocol, model, std::move(streamed), out);
    }
    keep_limits(reply, std::move(limits));
    listener.finish();
    emit_parts(reply, out);
    co_return reply;
  } catch (const Error& error) {
    throw located(error, *endpoint.dialect, model, listener.seen());
  }
}

}  // namespace dspy::providers
