#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/server/http.hpp"
#include "server/deadline.hpp"
#include "server/listener/connection.hpp"
#include "server/listener/response_head.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

// How a response is sent, over TLS or not.

namespace dspy::server {

inline constexpr auto as_outcome = boost::asio::as_tuple(boost::asio::use_awaitable);

/// What is left until then; at least something.
inline std::chrono::nanoseconds time_left(const Deadline& deadline) {
  if (!deadline) return std::chrono::nanoseconds(0);
  return std::max<std::chrono::nanoseconds>(*deadline - std::chrono::steady_clock::now(), std::chrono::nanoseconds(1));
}

/// Sends all, or finds that the client has gone.
template <class Stream, std::size_t N>
Async<void> send(Stream& stream, Connection& connection, std::array<boost::asio::const_buffer, N> bytes,
                 std::chrono::milliseconds time) {
  connection.enter(Connection::Phase::writing, time);
  const auto [code, sent] = co_await boost::asio::async_write(stream, bytes, as_outcome);
  if (!code) co_return;
  connection.lose();
  throw Error(Errc::cancelled, "the client has gone");
}

/// A streamed response's body.
template <class Stream>
class Writer final : public BodyWriter {
 public:
  Writer(Stream& stream, Connection& connection, bool is_chunked, std::chrono::milliseconds time, Deadline deadline)
      : stream_(stream), connection_(connection), is_chunked_(is_chunked), time_(time), deadline_(deadline) {}

  Async<void> write(std::string bytes) override {
    return put(stream_, connection_, is_chunked_, time_, deadline_, std::move(bytes));
  }

 private:
  static Async<void> put(Stream& stream, Connection& connection, bool is_chunked, std::chrono::milliseconds time,
                         Deadline deadline, std::string bytes) {
    if (connection.is_lost) throw Error(Errc::cancelled, "the client has gone");
    if (bytes.empty()) co_return;
    const auto head = is_chunked ? chunk_head(bytes.size()) : std::string();
    const std::string_view end = is_chunked ? "\r\n" : "";
    co_await send(stream, connection,
                  std::array<boost::asio::const_buffer, 3>{
                      boost::asio::buffer(head), boost::asio::buffer(std::as_const(bytes)), boost::asio::buffer(end)},
                  time);
    connection.enter(Connection::Phase::running, time_left(deadline));
  }

  Stream& stream_;
  Connection& connection_;
  bool is_chunked_;
  std::chrono::milliseconds time_;
  Deadline deadline_;
};

/// What a request says of how its response is sent.
struct Manner {
  bool is_head = false;
  bool is_http_1_0 = false;
  bool keeps_alive = true;
  Deadline deadline = {};  ///< Of the whole response; none for a stream that the client ends.
};

/// Returns whether the connection can be kept.
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
    co_await send(stream, connection,
                  std::array<boost::asio::const_buffer, 2>{boost::asio::buffer(head), boost::asio::buffer(body)},
                  limits.write_time);
    co_return keeps_alive;
  }
  co_await send(stream, connection, std::array{boost::asio::buffer(head)}, limits.write_time);
  connection.enter(Connection::Phase::running, time_left(manner.deadline));
  Writer writer(stream, connection, is_chunked, limits.write_time, manner.deadline);
  co_await response.stream(writer);
  if (is_chunked)
    co_await send(stream, connection, std::array{boost::asio::buffer(std::string_view("0\r\n\r\n"))},
                  limits.write_time);
  co_return keeps_alive;
}

}  // namespace dspy::server
