#pragma once

#include "support/certificate.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace dspy::test {

/// Says `fine` to every request over TLS, one connection after the other, until it is destroyed.
class TlsServer {
 public:
  explicit TlsServer(const Certificate& certificate) {
    const auto pem = certificate.pem();
    const auto key = certificate.key_pem();
    context_.use_certificate_chain(boost::asio::buffer(pem));
    context_.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
    thread_ = std::jthread([this] { serve(); });
  }
  ~TlsServer() {
    ends_ = true;
    boost::system::error_code ignored;
    tcp::socket wake(loop_);
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int requests() const noexcept { return requests_; }

 private:
  using tcp = boost::asio::ip::tcp;

  void serve() {
    while (true) {
      boost::system::error_code problem;
      boost::asio::ssl::stream<tcp::socket> stream(acceptor_.accept(), context_);
      if (ends_) return;
      stream.handshake(boost::asio::ssl::stream_base::server, problem);
      std::string text;
      if (!problem) boost::asio::read_until(stream, boost::asio::dynamic_buffer(text), "\r\n\r\n", problem);
      if (problem) continue;
      ++requests_;
      boost::asio::write(stream, boost::asio::buffer(reply_), problem);
      stream.shutdown(problem);
    }
  }

  const std::string reply_ = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine";
  boost::asio::io_context loop_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::atomic<bool> ends_ = false;
  std::atomic<int> requests_ = 0;
  std::jthread thread_;
};

}  // namespace dspy::test
