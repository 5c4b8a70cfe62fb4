#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "mock_provider/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <expected>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A server that says what a test wants, and ways to ask it.

namespace dspy::test {

/// A server that says one thing, and keeps what it was asked.
class Scripted {
 public:
  explicit Scripted(mock::Reply reply) : reply_(std::move(reply)) {}

  std::string url(std::string_view path = "/") const {
    return std::format("http://127.0.0.1:{}{}", server_.port(), path);
  }
  mock::Server& server() { return server_; }
  mock::Request last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  mutable std::mutex mutex_;
  mock::Request last_;
  mock::Reply reply_;
  mock::Server server_{0, [this](const mock::Request& request) {
                         const std::lock_guard lock(mutex_);
                         last_ = request;
                         return reply_;
                       }};
};

inline mock::Reply text(std::string body) {
  return {.parts = {std::move(body)}};
}

inline mock::Reply stream(std::vector<std::string> parts, mock::Delivery delivery = {}) {
  return {.parts = std::move(parts), .is_stream = true, .delivery = delivery};
}

/// One for all tests, as one program has one.
inline std::shared_ptr<http::Transport> transport() {
  static const auto shared = http::curl_transport();
  return shared;
}

inline std::expected<http::Response, Error> ask(http::Request request) {
  return attempt([&] { return wait(http::send(transport(), std::move(request))); });
}

inline Error failure(http::Request request) {
  const auto response = ask(std::move(request));
  REQUIRE_FALSE(response.has_value());
  return response.error();
}

/// What comes until it ends, and how it ends.
struct Read {
  std::string bytes = {};
  std::optional<Error> error = {};
};

inline Read read_all(http::Body& body) {
  Read read;
  try {
    while (auto piece = wait(body.next())) {
      CHECK_FALSE(piece->empty());
      read.bytes += *piece;
    }
  } catch (const Error& error) {
    read.error = error;
  }
  return read;
}

/// Takes connections, and never says anything: TLS needs an answer before there is a connection.
class Silent {
 public:
  std::string tls_url() const { return std::format("https://127.0.0.1:{}/", acceptor_.local_endpoint().port()); }

 private:
  using tcp = boost::asio::ip::tcp;
  boost::asio::io_context loop_;
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
};

/// A port on which nobody listens.
inline std::uint16_t free_port() {
  return mock::Server(0, [](const mock::Request&) { return mock::Reply(); }).port();
}

}  // namespace dspy::test
