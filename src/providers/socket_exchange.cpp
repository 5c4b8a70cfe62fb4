#include "providers/socket_exchange.hpp"

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/pace.hpp"
#include "providers/errors.hpp"
#include "providers/json_tools.hpp"

#include <format>
#include <optional>
#include <string>
#include <utility>

namespace dspy::providers {
namespace {

using std::chrono::steady_clock;

/// Providers end a socket after 60 minutes, also in the middle of a reply.
constexpr std::chrono::minutes most_age{55};
constexpr std::size_t most_kept = 16;
constexpr std::size_t most_message = std::size_t{64} * 1024 * 1024;

std::string message_of(const JsonObject& body) {
  JsonObject message{{"type", "response.create"}};
  for (const auto& [name, value] : body) {
    const std::string_view key = name;
    if (key != "stream" && key != "stream_options" && key != "background") message.emplace(name, value);
  }
  return to_text(message);
}

/// Until when all of it must be done.
std::optional<steady_clock::time_point> end_of(const Endpoint& endpoint, const Request& request) {
  auto end = request.deadline;
  if (!endpoint.timeouts.total) return end;
  const auto total = steady_clock::now() + *endpoint.timeouts.total;
  return end ? std::min(*end, total) : total;
}

[[noreturn]] void refuse(const Endpoint& endpoint, std::string_view model, const http::Upgraded& answer) {
  const auto status = answer.status;
  if (status < 400 || status == 404 || status == 405 || status == 426)
    throw Error(Errc::unsupported,
                std::format("{} opens no WebSocket at {} (HTTP status {}); ask without `web_socket`",
                            endpoint.dialect->title, endpoint.base_url, status),
                {.status = status, .feature = "web_socket"});
  http::Response response{.status = status, .headers = answer.headers};
  endpoint.redact(response.headers);
  throw status_error(*endpoint.dialect, model, response, Clock::real().wall());
}

Async<KeptSocket> opened(const Endpoint& endpoint, std::string_view model, std::string_view path,
                         const Request& request) {
  auto wish = endpoint.request(path, {}, true);
  wish.headers.remove("Accept");
  wish.headers.remove("Content-Type");
  wish.deadline = request.deadline;
  wish.stop = request.stop;
  auto answer = co_await endpoint.transport->connect(std::move(wish), {.message_bytes = most_message});
  if (!answer.socket) refuse(endpoint, model, answer);
  co_return KeptSocket{.socket = std::move(answer.socket), .opened = steady_clock::now()};
}

/// An error that brings its HTTP status, which a stream over HTTP could not say.
void throw_if_status(const Endpoint& endpoint, std::string_view model, std::string_view message) {
  if (!message.contains("\"error\"")) return;
  const auto event = event_object(*endpoint.dialect, message);
  const auto status = count_at(event, "status").value_or(0);
  if (text_at(event, "type") != "error" || status < 400 || status > 599) return;
  http::Response response{.status = static_cast<int>(status)};
  if (const auto* const error = member_at(event, "error")) response.body = to_text(JsonObject{{"error", *error}});
  throw status_error(*endpoint.dialect, model, response, Clock::real().wall());
}

[[noreturn]] void closed(const Endpoint& endpoint, const http::WebSocket& socket, bool has_heard) {
  const auto how = socket.closed().value_or(http::SocketClose{.code = 1006});
  auto reason = how.reason;
  endpoint.redact(reason);
  // Goes away, fails, is restarted or is too busy: another try may do.
  const bool is_passing =
      how.code == 1000 || how.code == 1001 || how.code == 1005 || how.code == 1006 || how.code >= 1011;
  const auto code = !is_passing ? Errc::refused : has_heard ? Errc::stream_broken : Errc::unavailable;
  throw Error(code, std::format("{} closed the WebSocket before the reply ended (code {}{}{}){}",
                                endpoint.dialect->title, how.code, reason.empty() ? "" : ": ", reason,
                                is_passing ? "; ask again" : "; it does not accept this request"));
}

/// What one request over one socket has come to.
struct Progress {
  bool has_heard = false;  ///< Anything; then it must not be asked again.
};

Async<Reply> asked(const Endpoint& endpoint, const Protocol& protocol, std::string_view model, const WireRequest& wire,
                   const Request& request, Emitter& out, KeptSocket kept, Progress& progress) {
  const auto end = end_of(endpoint, request);
  auto& socket = *kept.socket;
  co_await socket.send(message_of(wire.body), {.deadline = end, .stop = request.stop});
  const auto reducer = protocol.reduce(*endpoint.dialect);
  Pace pace(request);
  while (!reducer->is_done()) {
    const auto idle = progress.has_heard ? endpoint.timeouts.idle : endpoint.timeouts.first_byte;
    auto message = co_await socket.next({.idle = idle, .deadline = end, .stop = request.stop});
    if (!message) closed(endpoint, socket, progress.has_heard);
    progress.has_heard = true;
    endpoint.redact_reply(*message);
    throw_if_status(endpoint, model, *message);
    reducer->push({.data = *message}, out);
    if (pace.is_held()) co_await pace.keep();
  }
  auto reply = protocol.read(reducer->finish(), *endpoint.dialect);
  endpoint.sockets->put(std::move(kept));
  co_return reply;
}

}  // namespace

KeptSocket SocketPool::take() {
  const std::lock_guard lock(mutex_);
  while (!kept_.empty()) {
    auto kept = std::move(kept_.back());
    kept_.pop_back();
    if (kept.socket->is_open() && steady_clock::now() - kept.opened < most_age) return kept;
  }
  return {};
}

void SocketPool::put(KeptSocket kept) {
  const std::lock_guard lock(mutex_);
  if (kept_.size() < most_kept) kept_.push_back(std::move(kept));
}

Async<Reply> ask_over_socket(const Endpoint& endpoint, const Protocol& protocol, std::string_view model,
                             const WireRequest& wire, const Request& request, Emitter& out) {
  if (auto kept = endpoint.sockets->take(); kept.socket) {
    Progress progress;
    try {
      co_return co_await asked(endpoint, protocol, model, wire, request, out, std::move(kept), progress);
    } catch (const Error& error) {
      // It was closed while idle, as kept connections are.
      const bool is_stale = error.code() == Errc::stream_broken || error.code() == Errc::unavailable;
      if (progress.has_heard || !is_stale) throw;
    }
  }
  auto socket = co_await opened(endpoint, model, wire.path, request);
  Progress progress;
  co_return co_await asked(endpoint, protocol, model, wire, request, out, std::move(socket), progress);
}

}  // namespace dspy::providers
