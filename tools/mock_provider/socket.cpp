#include "mock_provider/socket.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace dspy::mock {
namespace {

using Socket = websocket::stream<tcp::socket>;

/// Whether the socket can be used for another message.
Async<bool> say(Socket& socket, const Reply& reply, std::atomic<std::uint64_t>& bytes) {
  const auto& delivery = reply.delivery;
  co_await pause(delivery.hangs ? std::chrono::hours(1) : delivery.header_delay);
  const bool fails = delivery.resets_before_header || delivery.closes_before_header;
  const auto most = fails ? 0
                          : std::min(delivery.resets_after.value_or(std::string::npos),
                                     delivery.closes_after.value_or(std::string::npos));
  std::size_t said = 0;
  bool is_first = true;
  for (const auto& part : reply.parts) {
    if (!std::exchange(is_first, false)) co_await pause(delivery.part_delay);
    if (said + part.size() > most) {
      if (delivery.resets_after || delivery.resets_before_header) reset(socket.next_layer());
      co_return false;
    }
    error_code problem;
    co_await socket.async_write(asio::buffer(part), asio::redirect_error(asio::use_awaitable, problem));
    if (problem) co_return false;
    said += part.size();
    bytes += part.size();
  }
  if (!delivery.closes_with) co_return true;
  error_code ignored;
  co_await socket.async_close(websocket::close_reason(websocket::close_code(*delivery.closes_with), "as was wished"),
                              asio::redirect_error(asio::use_awaitable, ignored));
  co_return false;
}

}  // namespace

void reset(tcp::socket& socket) {
  error_code ignored;
  static_cast<void>(socket.set_option(asio::socket_base::linger(true, 0), ignored));
  static_cast<void>(socket.close(ignored));
}

Async<void> pause(std::chrono::milliseconds time) {
  if (time.count() == 0) co_return;
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

Async<void> converse(tcp::socket connection, const beast::http::request<beast::http::string_body>& upgrade,
                     const Request& head, const Handler& handler, std::atomic<std::uint64_t>& bytes) {
  Socket socket(std::move(connection));
  socket.read_message_max(std::size_t{64} * 1024 * 1024);
  error_code problem;
  co_await socket.async_accept(upgrade, asio::redirect_error(asio::use_awaitable, problem));
  while (!problem) {
    beast::flat_buffer buffer;
    co_await socket.async_read(buffer, asio::redirect_error(asio::use_awaitable, problem));
    if (problem) break;
    auto request = head;
    request.method = "POST";
    request.body = beast::buffers_to_string(buffer.data());
    if (!co_await say(socket, handler(request), bytes)) break;
  }
}

}  // namespace dspy::mock
