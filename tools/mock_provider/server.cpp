#include "mock_provider/server.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "mock_provider/query.hpp"
#include "mock_provider/socket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <algorithm>
#include <atomic>
#include <format>
#include <iterator>
#include <thread>

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace dspy::mock {
namespace {

constexpr std::uint64_t most_body_bytes = std::uint64_t{256} * 1024 * 1024;
constexpr std::uint32_t most_header_bytes = 64 * 1024;

struct Counters {
  std::atomic<std::size_t> open = 0;
  std::atomic<std::size_t> all = 0;
  std::atomic<std::uint64_t> bytes = 0;
};

Request request_of(const beast::http::request<beast::http::string_body>& message) {
  Request request{.method = std::string(message.method_string()), .body = message.body()};
  const std::string_view target = message.target();
  const auto mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  if (mark < target.size()) request.query = parse_query(target.substr(mark + 1));
  for (const auto& field : message) request.headers[text::to_lower(field.name_string())] = field.value();
  return request;
}

/// One connection.
class Connection {
 public:
  Connection(tcp::socket socket, const Handler& handler, Counters& counters)
      : socket_(std::move(socket)), handler_(handler), counters_(counters) {
    ++counters_.open;
    ++counters_.all;
  }
  ~Connection() { --counters_.open; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Async<void> serve() {
    error_code problem;
    socket_.set_option(tcp::no_delay(true), problem);
    while (true) {
      beast::http::request_parser<beast::http::string_body> parser;
      parser.body_limit(most_body_bytes);
      parser.header_limit(most_header_bytes);
      co_await beast::http::async_read(socket_, buffer_, parser, asio::redirect_error(asio::use_awaitable, problem));
      if (problem) co_return;
      const auto message = parser.release();
      const auto request = request_of(message);
      const auto reply = handler_(request);
      if (reply.status == 101 && beast::websocket::is_upgrade(message)) {
        co_await converse(std::move(socket_), message, request, handler_, counters_.bytes);
        co_return;
      }
      if (!co_await send(reply, message.method() == beast::http::verb::head) || !message.keep_alive()) break;
    }
    socket_.shutdown(tcp::socket::shutdown_both, problem);
  }

 private:
  /// Whether the connection can be used for another request.
  Async<bool> send(const Reply& reply, bool is_head) {
    const auto& delivery = reply.delivery;
    co_await pause(delivery.hangs ? std::chrono::hours(1) : delivery.header_delay);
    if (delivery.resets_before_header) {
      reset(socket_);
      co_return false;
    }
    if (delivery.closes_before_header) co_return false;

    auto head = std::format("HTTP/1.1 {} Mock\r\n", reply.status);
    for (const auto& [name, value] : reply.headers) std::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
    if (reply.is_stream) {
      head += "Transfer-Encoding: chunked\r\n";
    } else if (reply.status != 204) {
      std::size_t bytes = 0;
      for (const auto& part : reply.parts) bytes += part.size();
      std::format_to(std::back_inserter(head), "Content-Length: {}\r\n", bytes);
    }
    head += "\r\n";
    // Together with the first part where nothing asks for them to be apart: it is one packet then.
    pending_ = std::move(head);
    if (is_head || reply.status == 204) co_return co_await flush();

    body_bytes_ = 0;
    bool is_first = true;
    for (const auto& part : reply.parts) {
      if (!std::exchange(is_first, false) && delivery.part_delay.count() != 0) {
        if (!co_await flush()) co_return false;
        co_await pause(delivery.part_delay);
      }
      if (!co_await send_part(part, reply)) co_return false;
    }
    if (reply.is_stream) pending_ += "0\r\n\r\n";
    co_return co_await flush();
  }

  Async<bool> send_part(std::string_view part, const Reply& reply) {
    const auto& delivery = reply.delivery;
    while (!part.empty()) {
      auto piece = part.substr(0, delivery.piece_bytes == 0 ? part.size() : delivery.piece_bytes);
      const auto most = std::min(delivery.resets_after.value_or(std::string::npos),
                                 delivery.closes_after.value_or(std::string::npos));
      const bool is_cut = body_bytes_ + piece.size() > most;
      if (is_cut) piece = piece.substr(0, most - body_bytes_);
      if (!piece.empty()) {
        if (reply.is_stream) {
          std::format_to(std::back_inserter(pending_), "{:x}\r\n{}\r\n", piece.size(), piece);
        } else {
          pending_ += piece;
        }
        body_bytes_ += piece.size();
        counters_.bytes += piece.size();
      }
      const bool is_apart = delivery.piece_bytes != 0 || is_cut || reply.is_stream || pending_.size() > 65536;
      if (is_apart && !co_await flush()) co_return false;
      if (is_cut) {
        if (delivery.resets_after) reset(socket_);
        co_return false;
      }
      part.remove_prefix(piece.size());
    }
    co_return true;
  }

  Async<bool> flush() {
    if (pending_.empty()) co_return true;
    error_code problem;
    co_await asio::async_write(socket_, asio::buffer(pending_), asio::redirect_error(asio::use_awaitable, problem));
    pending_.clear();
    co_return !problem;
  }

  tcp::socket socket_;
  const Handler& handler_;
  Counters& counters_;
  beast::flat_buffer buffer_;
  std::string pending_;
  std::size_t body_bytes_ = 0;  ///< Of the reply that is being sent.
};

Async<void> serve(tcp::socket socket, const Handler& handler, Counters& counters) {
  Connection connection(std::move(socket), handler, counters);
  co_await connection.serve();
}

Async<void> accept(tcp::acceptor& acceptor, const Handler& handler, Counters& counters) {
  while (true) {
    error_code problem;
    auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, problem));
    if (problem == asio::error::operation_aborted) co_return;
    if (!problem) asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), handler, counters), asio::detached);
  }
}

}  // namespace

std::string Reply::body() const {
  std::string all;
  for (const auto& part : parts) all += part;
  return all;
}

struct Server::State {
  State(std::uint16_t port, Handler answer) : handler(std::move(answer)) {
    const tcp::endpoint here(asio::ip::address_v4::loopback(), port);
    error_code problem;
    acceptor.open(here.protocol(), problem);
    if (!problem) acceptor.set_option(tcp::acceptor::reuse_address(true), problem);
    if (!problem) acceptor.bind(here, problem);
    if (!problem) acceptor.listen(4096, problem);
    if (problem) {
      throw Error(Errc::io_error,
                  std::format("the mock provider cannot listen on 127.0.0.1:{} ({}); choose another port", port,
                              problem.message()));
    }
    asio::co_spawn(io, accept(acceptor, handler, counters), asio::detached);
    thread = std::jthread([this] { io.run(); });
  }
  ~State() { io.stop(); }

  Handler handler;
  Counters counters;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::jthread thread;  ///< Last: it uses the others.
};

Server::Server(std::uint16_t port, Handler handler) : state_(std::make_unique<State>(port, std::move(handler))) {}

Server::~Server() = default;

std::uint16_t Server::port() const noexcept {
  error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

std::size_t Server::open_connections() const noexcept {
  return state_->counters.open;
}

std::size_t Server::connections() const noexcept {
  return state_->counters.all;
}

std::uint64_t Server::bytes_sent() const noexcept {
  return state_->counters.bytes;
}

}  // namespace dspy::mock
