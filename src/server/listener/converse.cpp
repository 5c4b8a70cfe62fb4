#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"
#include "server/listener/connection.hpp"
#include "server/listener/request_reader.hpp"
#include "server/listener/response_head.hpp"
#include "server/listener/upgrade.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace dspy::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Phase = Connection::Phase;
using namespace std::chrono_literals;

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

/// Appends what comes next; false at the end, or when the connection was told to stop waiting.
template <class Stream>
Async<bool> read_more(Stream& stream, std::string& in, std::size_t room) {
  const auto before = in.size();
  in.resize(before + room);
  const auto [code, got] = co_await stream.async_read_some(asio::buffer(in.data() + before, room), as_values);
  in.resize(before + got);
  co_return !code;
}

/// Sends all, or finds that the client has gone.
template <class Stream, std::size_t N>
Async<void> send(Stream& stream, Connection& connection, std::array<asio::const_buffer, N> bytes,
                 std::chrono::milliseconds time) {
  connection.enter(Phase::writing, time);
  const auto [code, sent] = co_await asio::async_write(stream, bytes, as_values);
  if (!code) co_return;
  connection.lose();
  throw Error(Errc::cancelled, "the client has gone");
}

/// A streamed response's body.
template <class Stream>
class Writer final : public BodyWriter {
 public:
  Writer(Stream& stream, Connection& connection, bool is_chunked, std::chrono::milliseconds time)
      : stream_(stream), connection_(connection), is_chunked_(is_chunked), time_(time) {}

  Async<void> write(std::string bytes) override {
    return put(stream_, connection_, is_chunked_, time_, std::move(bytes));
  }

 private:
  static Async<void> put(Stream& stream, Connection& connection, bool is_chunked, std::chrono::milliseconds time,
                         std::string bytes) {
    if (connection.is_lost) throw Error(Errc::cancelled, "the client has gone");
    if (bytes.empty()) co_return;
    const auto head = is_chunked ? chunk_head(bytes.size()) : std::string();
    const std::string_view end = is_chunked ? "\r\n" : "";
    co_await send(
        stream, connection,
        std::array<asio::const_buffer, 3>{asio::buffer(head), asio::buffer(std::as_const(bytes)), asio::buffer(end)},
        time);
    connection.enter(Phase::running, 0ns);
  }

  Stream& stream_;
  Connection& connection_;
  bool is_chunked_;
  std::chrono::milliseconds time_;
};

/// What a request says of how its response is sent.
struct Manner {
  bool is_head = false;
  bool is_http_1_0 = false;
  bool keeps_alive = true;
};

bool is_event_stream(const HttpResponse& response) {
  const auto type = response.headers.find("Content-Type");
  return type && type->starts_with("text/event-stream");
}

/// Returns whether the connection can go on.
template <class Stream>
Async<bool> respond(Stream& stream, Connection& connection, const ListenerLimits& limits, HttpResponse response,
                    Manner manner) {
  const bool grows = static_cast<bool>(response.stream);
  const bool is_chunked = grows && !manner.is_http_1_0;
  // A body without a length ends with the connection.
  const bool keeps_alive = manner.keeps_alive && (!grows || is_chunked || manner.is_head);
  const auto head = response_head(response,
                                  {.keeps_alive = keeps_alive,
                                   .is_chunked = is_chunked,
                                   .has_length = !grows && response.status >= 200 && response.status != 204},
                                  std::chrono::system_clock::now());
  if (!grows || manner.is_head) {
    const std::string_view body = manner.is_head ? std::string_view() : std::string_view(response.body);
    co_await send(stream, connection, std::array<asio::const_buffer, 2>{asio::buffer(head), asio::buffer(body)},
                  limits.write_time);
    co_return keeps_alive;
  }
  co_await send(stream, connection, std::array{asio::buffer(head)}, limits.write_time);
  connection.enter(Phase::running, 0ns);
  Writer writer(stream, connection, is_chunked, limits.write_time);
  co_await response.stream(writer);
  if (is_chunked)
    co_await send(stream, connection, std::array{asio::buffer(std::string_view("0\r\n\r\n"))}, limits.write_time);
  co_return keeps_alive;
}

/// Reads one request; nothing when the connection has ended.
template <class Stream>
Async<std::optional<HttpRequest>> next_request(const Service& service, Connection& connection, Stream& stream,
                                               RequestReader& reader, std::string& in) {
  const auto& limits = service.limits;
  bool is_idle = true, is_body = false, was_continued = false;
  connection.enter(Phase::idle, limits.idle_time);
  while (true) {
    if (!in.empty()) {
      if (is_idle) connection.enter(Phase::reading, limits.head_time);
      is_idle = false;
      in.erase(0, reader.push(in));
      if (reader.state() == RequestReader::State::done) co_return reader.take();
      if (!reader.has_begun() && in.empty()) is_idle = true;
      if (reader.state() == RequestReader::State::body && !std::exchange(is_body, true)) {
        if (reader.expects_continue() && in.empty() && !std::exchange(was_continued, true)) {
          constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
          co_await send(stream, connection, std::array{asio::buffer(go_on)}, limits.write_time);
        }
        connection.enter(Phase::reading, limits.body_time);
      }
    }
    if (is_idle && service.is_draining) co_return std::nullopt;
    constexpr std::size_t small = 4096, large = 65536;
    if (!co_await read_more(stream, in, is_body ? large : small)) {
      if (connection.is_overdue && !is_idle)
        throw HttpError(408, Errc::timeout, "the request did not arrive in time; send it whole, or a smaller one");
      co_return std::nullopt;
    }
  }
}

/// Lets the client read what was sent last, as closing at once could take it back.
template <class Stream>
Async<void> linger(Stream& stream, Connection& connection) {
  connection.enter(Phase::reading, 1s);
  boost::system::error_code ignored;
  std::ignore = connection.socket.shutdown(tcp::socket::shutdown_send, ignored);
  std::string rest;
  for (std::size_t total = 0; total < (std::size_t{1} << 20); total += rest.size()) {
    rest.clear();
    if (!co_await read_more(stream, rest, 16384)) break;
  }
}

/// Refusing is counted, and ends the connection.
template <class Stream>
Async<void> refuse(Service& service, Connection& connection, Stream& stream, HttpResponse response) {
  service.refused.fetch_add(1);
  co_await respond(stream, connection, service.limits, std::move(response), {.keeps_alive = false});
  co_await linger(stream, connection);
}

struct Running {
  explicit Running(Service& counted) : service(counted) {
    service.running.fetch_add(1);
    service.requests.fetch_add(1);
  }
  Running(const Running&) = delete;
  ~Running() { service.running.fetch_sub(1); }
  Service& service;
};

template <class Stream>
Async<bool> answer(Service& service, Connection& connection, Stream& stream, HttpRequest request, Manner manner) {
  const Running running(service);
  request.stop = connection.begin();
  connection.enter(Phase::running, service.limits.request_time);
  const bool is_get = request.method == "GET";
  auto response = service.rates.take(connection.peer)
                      ? co_await service.routes->answer(std::move(request))
                      : error_response(Error(Errc::rate_limit_exceeded, "too many requests from this address",
                                             {.retry_after = std::chrono::seconds(1)}));
  if (connection.is_lost) co_return false;
  if (connection.is_overdue && response.status == 499)
    response = error_response(Error(Errc::deadline_exceeded,
                                    std::format("the answer took longer than {} s", service.limits.request_time / 1s)));
  connection.is_subscription = is_get && response.stream && is_event_stream(response);
  if (connection.is_subscription && service.is_draining) connection.stop();
  manner.keeps_alive = manner.keeps_alive && !service.is_draining;
  co_return co_await respond(stream, connection, service.limits, std::move(response), manner);
}

template <class Stream>
Async<void> serve(Service& service, Connection& connection, Stream& stream) {
  RequestReader reader(service.limits);
  std::string in;
  while (true) {
    std::optional<HttpResponse> refused;
    std::optional<HttpRequest> request;
    try {
      request = co_await next_request(service, connection, stream, reader, in);
    } catch (const HttpError& error) {
      refused = error_response(error);
    }
    if (refused) {
      co_await refuse(service, connection, stream, *std::move(refused));
      co_return;
    }
    if (!request) co_return;
    request->peer = connection.peer;
    if (wants_web_socket(*request)) {
      if (auto response = co_await talk(service, connection, stream, *std::move(request)))
        co_await refuse(service, connection, stream, *std::move(response));
      co_return;
    }
    const Manner manner{
        .is_head = request->method == "HEAD", .is_http_1_0 = reader.is_http_1_0(), .keeps_alive = reader.keeps_alive()};
    if (!co_await answer(service, connection, stream, *std::move(request), manner)) {
      if (!connection.is_lost) co_await linger(stream, connection);
      co_return;
    }
  }
}

Async<void> serve_tls(Service& service, Connection& connection, asio::ssl::context& tls) {
  asio::ssl::stream<tcp::socket&> stream(connection.socket, tls);
  connection.enter(Phase::reading, service.limits.head_time);
  const auto [code] = co_await stream.async_handshake(asio::ssl::stream_base::server, as_values);
  if (code) co_return;
  co_await serve(service, connection, stream);
  connection.enter(Phase::writing, 1s);
  co_await stream.async_shutdown(as_values);
}

}  // namespace

Async<void> converse(std::shared_ptr<Service> service, std::shared_ptr<Connection> connection,
                     std::shared_ptr<asio::ssl::context> tls) {
  try {
    if (tls) {
      co_await serve_tls(*service, *connection, *tls);
    } else {
      co_await serve(*service, *connection, connection->socket);
    }
  } catch (const Error& error) {
    // A response that broke off: what was sent has no end, so that the client does not take it for whole.
    if (!connection->is_lost) log(LogLevel::warning, "server", std::format("a response broke off: {}", error.what()));
  } catch (const std::exception& error) {
    log(LogLevel::warning, "server", std::format("a connection ended: {}", error.what()));
  }
  connection->stop();
  connection->close();
}

}  // namespace dspy::server
