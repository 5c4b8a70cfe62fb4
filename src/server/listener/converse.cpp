#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"
#include "server/deadline.hpp"
#include "server/listener/connection.hpp"
#include "server/listener/request_reader.hpp"
#include "server/listener/respond.hpp"
#include "server/listener/upgrade.hpp"
#include "server/traced_error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
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

/// Appends the next bytes; false at the end, or when the connection has to stop waiting.
template <class Stream>
Async<bool> read_more(Stream& stream, std::string& in, std::size_t room) {
  const auto before = in.size();
  in.resize(before + room);
  const auto [code, got] = co_await stream.async_read_some(asio::buffer(in.data() + before, room), as_values);
  in.resize(before + got);
  co_return !code;
}

/// Calls end by themselves at the deadline, and say so; what does not is stopped soon after it.
std::chrono::milliseconds grace(std::chrono::milliseconds time) {
  return std::min(time / 10, 500ms);
}

bool is_event_stream(const HttpResponse& response) {
  const auto type = response.headers.find("Content-Type");
  return type && type->starts_with("text/event-stream");
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

/// Within the rate of its address; what a load balancer asks always is.
bool is_admitted(Service& service, const Connection& connection, const HttpRequest& request) {
  if (service.limits.requests_per_second <= 0) return true;
  const auto found = service.routes->find(request.method, request.path);
  return (found.route != nullptr && found.route->is_probe) || service.rates.take(connection.peer);
}

template <class Stream>
Async<bool> answer(Service& service, Connection& connection, Stream& stream, HttpRequest request, Manner manner) {
  const Running running(service);
  const auto time = service.limits.request_time;
  request.stop = connection.begin();
  request.deadline = std::chrono::steady_clock::now() + time;
  connection.enter(Phase::running, time + grace(time));
  const bool is_get = request.method == "GET";
  if (!is_get) manner.deadline = *request.deadline + grace(time);
  const auto path = request.path;
  // Not `? :`: g++ 14 may miscompile a conditional expression that holds a `co_await`.
  HttpResponse response;
  if (is_admitted(service, connection, request)) {
    response = co_await service.routes->answer(std::move(request));
  } else {
    response = error_response(Error(Errc::rate_limit_exceeded, "too many requests from this address",
                                    {.retry_after = std::chrono::seconds(1)}),
                              service.routes->error_form(path));
  }
  if (connection.is_lost) co_return false;
  if (connection.is_overdue && response.status == 499) {
    const auto trace = response.headers.find(trace_header);
    response = error_response(
        with_trace(Error(Errc::deadline_exceeded,
                         std::format("the answer took longer than {} s", std::chrono::duration<double>(time).count())),
                   std::string(trace.value_or(""))),
        service.routes->error_form(path));
  }
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
      refused = error_response(error, service.routes->error_form(reader.path()));
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
