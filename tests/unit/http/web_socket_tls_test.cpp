#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/web_socket.hpp"
#include "support/folder.hpp"
#include "support/tls_server.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <format>
#include <string>
#include <thread>

using namespace dspy;

namespace {

/// Says back what it hears over TLS, to one client after the other, `clients` of them.
class TlsEcho {
 public:
  TlsEcho(const test::Certificate& certificate, int clients) {
    const auto pem = certificate.pem();
    const auto key = certificate.key_pem();
    context_.use_certificate_chain(boost::asio::buffer(pem));
    context_.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
    thread_ = std::jthread([this, clients] {
      for (int i = 0; i < clients; ++i) serve();
    });
  }

  std::string url(std::string_view host) const {
    return std::format("wss://{}:{}/", host, acceptor_.local_endpoint().port());
  }

 private:
  using tcp = boost::asio::ip::tcp;

  void serve() {
    boost::system::error_code problem;
    boost::beast::websocket::stream<boost::asio::ssl::stream<tcp::socket>> socket(acceptor_.accept(), context_);
    socket.read_message_max(0);
    socket.next_layer().handshake(boost::asio::ssl::stream_base::server, problem);
    if (!problem) socket.accept(problem);
    while (!problem) {
      boost::beast::flat_buffer buffer;
      socket.read(buffer, problem);
      socket.text(true);
      if (!problem) socket.write(buffer.data(), problem);
    }
  }

  boost::asio::io_context loop_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::jthread thread_;
};

}  // namespace

TEST_CASE("a WebSocket over TLS carries messages of any length, and only to who is vouched for") {
  const test::Certificate certificate;
  const TlsEcho server(certificate, 2);
  const test::Folder folder;
  const auto transport = http::curl_transport({.ca_file = folder.write("ca.pem", certificate.pem()).string()});

  {
    const auto upgraded = wait(transport->connect({.url = server.url("127.0.0.1")}));
    REQUIRE(upgraded.status == 101);
    // A TLS record has 16 KiB at most: what libcurl has decoded and not handed out yet must be taken too.
    for (const std::size_t size : {0u, 1u, 16'384u, 16'385u, 300'000u, 2'000'000u}) {
      CAPTURE(size);
      const std::string text(size, 'x');
      wait(upgraded.socket->send(text));
      CHECK(wait(upgraded.socket->next()) == text);
    }
    wait(upgraded.socket->close());
  }

  const auto other = attempt([&] { return wait(transport->connect({.url = server.url("localhost")})); });
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().code() == Errc::unavailable);
}
