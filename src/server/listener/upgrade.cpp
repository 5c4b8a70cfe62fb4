#include "server/listener/upgrade.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/local_guard.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/web_socket.hpp"
#include "server/followed.hpp"
#include "server/listener/connection.hpp"
#include "server/listener/socket_times.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/ssl.hpp>  // IWYU pragma: keep: how a WebSocket over TLS ends
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/websocket/stream_base.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <format>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Phase = Connection::Phase;
using namespace std::chrono_literals;

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t most_bytes = std::size_t{1} << 20;

template <class Stream>
class Talk final : public WebSocket {
 public:
  /// Each message is a request, with the key that `opened` the socket: it may be revoked, and asks only so often.
  Talk(websocket::stream<Stream&>& stream, Connection& connection, const Routes& routes, SocketTimes& times,
       HttpRequest opened, std::string scope)
      : stream_(stream),
        connection_(connection),
        routes_(routes),
        times_(times),
        opened_(std::move(opened)),
        scope_(std::move(scope)) {}

  Async<std::optional<std::string>> read() override { return next(*this); }
  Async<void> write(std::string text) override { return put(stream_, connection_, times_, std::move(text)); }

 private:
  static Async<std::optional<std::string>> next(Talk& talk) {
    beast::flat_buffer buffer;
    talk.times_.set_working(false, std::chrono::steady_clock::now());
    const auto [code, size] = co_await talk.stream_.async_read(buffer, as_values);
    talk.times_.set_working(true, std::chrono::steady_clock::now());
    if (code) {
      talk.connection_.lose();
      co_return std::nullopt;
    }
    co_await talk.routes_.admit(talk.opened_, talk.scope_);
    if (!talk.stream_.got_text()) throw Error(Errc::bad_input, "only text messages are read here; send JSON as text");
    co_return beast::buffers_to_string(buffer.data());
  }

  static Async<void> put(websocket::stream<Stream&>& stream, Connection& connection, SocketTimes& times,
                         std::string text) {
    stream.text(true);
    const auto [code, size] = co_await stream.async_write(asio::buffer(text), as_values);
    times.note(std::chrono::steady_clock::now());
    if (!code) co_return;
    connection.lose();
    throw Error(Errc::cancelled, "the client has gone");
  }

  websocket::stream<Stream&>& stream_;
  Connection& connection_;
  const Routes& routes_;
  SocketTimes& times_;
  HttpRequest opened_;
  std::string scope_;
};

Async<void> handled(WebSocketHandler handler, HttpRequest request, WebSocket& socket, std::stop_source has_ended) {
  co_await handler(std::move(request), socket);
  has_ended.request_stop();
}

/// Idle sockets are checked too: once a second, whether the key is still valid and the time limits hold.
template <class Stream>
Async<void> close_in_time(websocket::stream<Stream&>& socket, Connection& connection, const SocketTimes& times,
                          StillAdmitted still, std::stop_token has_ended) {
  const auto may_go_on = [&times, still = std::move(still)] {
    return times.over(std::chrono::steady_clock::now()).empty() && still();
  };
  if (!co_await key_is_taken_back(may_go_on, std::move(has_ended))) co_return;
  const auto over = times.over(std::chrono::steady_clock::now());
  websocket::close_reason reason(websocket::close_code::policy_error, "this key is not valid any more");
  if (!over.empty()) reason = {websocket::close_code::going_away, over};
  co_await socket.async_close(reason, as_values);
  connection.stop();
}

template <class Stream>
Async<std::optional<HttpResponse>> converse_over(Service& service, Connection& connection, Stream& stream,
                                                 HttpRequest request) {
  const auto refusal = [](int status, Errc code, const std::string& why) {
    return error_response(HttpError(status, code, why));
  };
  if (!service.sockets || !service.sockets->contains(request.path))
    co_return refusal(404, Errc::bad_input, "there is no WebSocket at this path");
  if (is_foreign(request)) co_return refusal(403, Errc::bad_input, "this origin may not open a WebSocket here");
  const auto& route = service.sockets->find(request.path)->second;
  std::optional<HttpResponse> refused;
  try {
    request.caller = co_await service.routes->admit(request, route.scope);
  } catch (const Error& error) {
    refused = error_response(error);
  }
  if (refused) co_return refused;

  websocket::stream<Stream&> socket(stream);
  socket.read_message_max(most_bytes);
  socket.set_option(websocket::stream_base::timeout{
      .handshake_timeout = 10s, .idle_timeout = std::chrono::seconds(60), .keep_alive_pings = true});
  beast::http::request<beast::http::empty_body> head(beast::http::verb::get, request.path, 11);
  for (const auto& [name, value] : request.headers) head.insert(name, value);
  request.stop = connection.begin();
  connection.enter(Phase::running, 0ns);
  connection.is_subscription = true;
  const auto [code] = co_await socket.async_accept(head, as_values);
  if (code) {
    // The handshake has already answered the client; a second response would be mistaken for that of another request.
    service.refused.fetch_add(1);
    log(LogLevel::info, "server", std::format("a WebSocket was not opened: {}", code.message()));
    co_return std::nullopt;
  }
  service.requests.fetch_add(1);
  SocketTimes times(service.limits, std::chrono::steady_clock::now());
  Talk<Stream> talk(socket, connection, *service.routes, times, {.headers = request.headers, .peer = request.peer},
                    route.scope);
  websocket::close_reason reason(websocket::close_code::normal);
  try {
    const std::stop_source has_ended;
    std::vector<Async<void>> both;
    both.push_back(close_in_time(
        socket, connection, times,
        [&, caller = request.caller] { return service.routes->still_admits(caller, route.scope); },
        has_ended.get_token()));
    both.push_back(handled(route.handler, std::move(request), talk, has_ended));
    co_await when_all(std::move(both));
  } catch (const Error& error) {
    reason = {websocket::close_code::policy_error, std::string(error.what()).substr(0, 100)};
  } catch (const std::exception& error) {
    log(LogLevel::error, "server", std::format("a WebSocket's handler failed: {}", error.what()));
    reason = {websocket::close_code::internal_error, "the server failed"};
  }
  if (!connection.is_lost) co_await socket.async_close(reason, as_values);
  co_return std::nullopt;
}

}  // namespace

bool wants_web_socket(const HttpRequest& request) {
  const auto upgrade = request.headers.find("Upgrade");
  return upgrade && text::equals_ignoring_case(*upgrade, "websocket");
}

Async<std::optional<HttpResponse>> talk(Service& service, Connection& connection, asio::ip::tcp::socket& stream,
                                        HttpRequest request) {
  return converse_over(service, connection, stream, std::move(request));
}

Async<std::optional<HttpResponse>> talk(Service& service, Connection& connection,
                                        asio::ssl::stream<asio::ip::tcp::socket&>& stream, HttpRequest request) {
  return converse_over(service, connection, stream, std::move(request));
}

}  // namespace dspy::server
