#include "agents/mcp/http_session.hpp"
#include "agents/process/descriptor.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <format>
#include <mutex>
#include <utility>

namespace dspy::rpc {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::uint32_t most_header_bytes = 64 * 1024;
constexpr int idle_milliseconds = 60'000;

/// A call under way on the library's loop, and the thread of its connection.
struct Exchange {
  std::mutex mutex;
  // Under the lock.
  std::deque<std::string> notes;
  bool is_over = false;
  std::optional<Answer> answer;
  process::Descriptor event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
  }
};

Async<void> run(Async<std::optional<Answer>> work, std::shared_ptr<Exchange> exchange) {
  auto answer = co_await std::move(work);
  {
    const std::lock_guard lock(exchange->mutex);
    exchange->answer = std::move(answer);
    exchange->is_over = true;
  }
  exchange->ring();
}

class Connection {
 public:
  Connection(HttpService& service, int socket, int wake) : service_(service), socket_(socket), wake_(wake) {}

  void serve() {
    while (read_request()) {
      if (!answer() || !keeps_alive_) return;
    }
  }

 private:
  bool wait_for_bytes() const {
    std::array<pollfd, 2> polled{{{socket_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    const auto count = ::poll(polled.data(), polled.size(), idle_milliseconds);
    return count > 0 && polled[1].revents == 0;
  }

  bool read_request() {
    beast_http::request_parser<beast_http::string_body> parser;
    parser.body_limit(service_.message_bytes());
    parser.header_limit(most_header_bytes);
    parser.eager(true);
    while (!parser.is_done()) {
      boost::system::error_code problem;
      const auto used = buffer_.empty() ? 0 : parser.put(boost::asio::buffer(buffer_), problem);
      buffer_.erase(0, used);
      if (problem == beast_http::error::need_more) problem = {};
      if (problem) {
        const bool is_large = problem == beast_http::error::body_limit || problem == beast_http::error::header_limit;
        send({.status = is_large ? 413 : 400, .body = problem.message() + "\n", .is_json = false});
        return false;
      }
      if (parser.is_done()) break;
      if (used > 0 && !buffer_.empty()) continue;
      std::array<char, std::size_t{16} << 10> piece{};
      if (!wait_for_bytes()) return false;
      const auto count = ::recv(socket_, piece.data(), piece.size(), 0);
      if (count <= 0) return false;
      buffer_.append(piece.data(), static_cast<std::size_t>(count));
    }
    const auto message = parser.release();
    request_ = {.method = std::string(message.method_string()),
                .target = std::string(message.target()),
                .body = message.body()};
    for (const auto& field : message) {
      auto [at, is_new] = request_.fields.try_emplace(text::to_lower(std::string(field.name_string())), field.value());
      if (!is_new) at->second += ", " + std::string(field.value());
    }
    keeps_alive_ = message.keep_alive();
    return true;
  }

  bool answer() {
    if (const auto refused = service_.refused(request_)) return send(*refused);
    auto accepted = service_.accepted(request_);
    if (!accepted) return send(accepted.error());
    const auto exchange = std::make_shared<Exchange>();
    auto note = [exchange](const Call& call) {
      {
        const std::lock_guard lock(exchange->mutex);
        exchange->notes.push_back(to_text(to_json(call)));
      }
      exchange->ring();
    };
    const auto done = spawn(run(service_.run(*accepted, std::move(note)), exchange));
    const bool is_there = follow(*accepted, *exchange);
    done.wait();
    if (!is_there) return false;
    if (!exchange->answer) return accepted->wants_stream ? end_stream() : send({.status = 202});
    if (!is_streaming_) return send(service_.reply(*accepted, *exchange->answer));
    return send_event(to_text(to_json(*exchange->answer))) && end_stream();
  }

  /// Until the call has ended.  False if the client is gone.
  bool follow(const HttpService::Accepted& accepted, Exchange& exchange) {
    bool looks = true;
    is_streaming_ = false;
    while (true) {
      std::deque<std::string> notes;
      {
        const std::lock_guard lock(exchange.mutex);
        notes.swap(exchange.notes);
        if (exchange.is_over && notes.empty()) return true;
      }
      if (accepted.wants_stream)
        for (const auto& each : notes)
          if (!begin_stream() || !send_event(each)) return abandon(accepted);
      if (!notes.empty()) continue;
      std::array<pollfd, 2> polled{{{exchange.event.get(), POLLIN, 0}, {looks ? socket_ : -1, POLLIN, 0}}};
      ::poll(polled.data(), polled.size(), -1);
      std::uint64_t rung = 0;
      [[maybe_unused]] const auto ignored = ::read(exchange.event.get(), &rung, sizeof rung);
      if (polled[1].revents == 0) continue;
      char byte = 0;
      const auto count = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN)) return abandon(accepted);
      looks = false;  // the next request is there already
    }
  }

  static bool abandon(const HttpService::Accepted& accepted) {
    HttpService::abandon(accepted);
    return false;
  }

  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  bool send(const HttpReply& reply) const {
    auto text =
        std::format("HTTP/1.1 {} {}\r\n", reply.status,
                    std::string_view(beast_http::obsolete_reason(static_cast<beast_http::status>(reply.status))));
    if (reply.status != 204) text += std::format("Content-Length: {}\r\n", reply.body.size());
    if (!reply.body.empty())
      text += std::format("Content-Type: {}\r\n", reply.is_json ? "application/json" : "text/plain; charset=utf-8");
    if (!reply.session.empty()) text += std::format("MCP-Session-Id: {}\r\n", reply.session);
    text += "\r\n" + reply.body;
    return write(text);
  }

  bool begin_stream() {
    if (std::exchange(is_streaming_, true)) return true;
    return write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
  }

  bool send_event(const std::string& text) const {
    const auto event = std::format("event: message\ndata: {}\n\n", text);
    return write(std::format("{:x}\r\n{}\r\n", event.size(), event));
  }

  bool end_stream() { return begin_stream() && write("0\r\n\r\n"); }

  HttpService& service_;
  int socket_, wake_;
  std::string buffer_;
  HttpRequest request_;
  bool keeps_alive_ = false, is_streaming_ = false;
};

}  // namespace

void serve_connection(HttpService& service, int socket, int wake) {
  Connection(service, socket, wake).serve();
}

}  // namespace dspy::rpc
