#pragma once

#include "support/tls_server.hpp"

#include <boost/asio/read.hpp>
#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

namespace dspy::test {

/// HTTP/2 over TLS, frame by frame, so that it can end streams and connections as no ordinary server does on demand.
/// It reads no header: each request is answered by what is next in its script, and by `fine` after that.
class Http2Server {
 public:
  enum class Act {
    answer,
    refuse,        ///< RST_STREAM with REFUSED_STREAM: it was not begun, and may be sent again.
    go_away,       ///< GOAWAY before it was begun, and the connection closed.
    cut,           ///< Half of the reply, GOAWAY, and the connection closed.
    reset_midway,  ///< Half of the reply, and RST_STREAM with INTERNAL_ERROR.
  };

  Http2Server(const Certificate& certificate, std::vector<Act> script) : script_(std::move(script)) {
    const auto pem = certificate.pem();
    const auto key = certificate.key_pem();
    context_.use_certificate_chain(boost::asio::buffer(pem));
    context_.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
    SSL_CTX_set_alpn_select_cb(context_.native_handle(), &choose_h2, nullptr);
    thread_ = std::jthread([this] { accept(); });
  }
  ~Http2Server() {
    ends_ = true;
    boost::system::error_code ignored;
    tcp::socket wake(loop_);
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
    for (auto& each : connections_) each.stream.lowest_layer().shutdown(tcp::socket::shutdown_both, ignored);
    connections_.clear();  // joins
  }
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  std::string url() const { return "https://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/"; }
  std::size_t requests() const noexcept { return requests_; }
  std::size_t connections() const noexcept { return connected_; }

 private:
  using tcp = boost::asio::ip::tcp;
  using Stream = boost::asio::ssl::stream<tcp::socket>;

  struct Connection {
    explicit Connection(Stream stream_) : stream(std::move(stream_)) {}
    Stream stream;
    std::jthread thread;
  };

  enum Frame : std::uint8_t { data = 0, headers = 1, reset = 3, settings = 4, ping = 6, goaway = 7 };

  static int choose_h2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned length,
                       void*) {
    static constexpr std::array<unsigned char, 3> h2{2, 'h', '2'};
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, size, h2.data(), static_cast<unsigned>(h2.size()), in, length) !=
        OPENSSL_NPN_NEGOTIATED)
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }

  void accept() {
    while (true) {
      boost::system::error_code problem;
      auto socket = acceptor_.accept(problem);
      if (ends_) return;
      if (problem) continue;
      auto& connection = connections_.emplace_back(Stream(std::move(socket), context_));
      connection.thread = std::jthread([this, &connection] { serve(connection.stream); });
    }
  }

  static void send(Stream& stream, Frame type, std::uint8_t flags, std::uint32_t id, std::string_view payload) {
    std::string frame;
    const auto byte = [&](std::uint32_t value) { frame += static_cast<char>(value & 0xFF); };
    const auto size = static_cast<std::uint32_t>(payload.size());
    byte(size >> 16);
    byte(size >> 8);
    byte(size);
    byte(type);
    byte(flags);
    for (const int shift : {24, 16, 8, 0}) byte(id >> shift);
    frame += payload;
    boost::system::error_code ignored;
    boost::asio::write(stream, boost::asio::buffer(frame), ignored);
  }

  static std::string numbers(std::initializer_list<std::uint32_t> values) {
    std::string out;
    for (const auto value : values)
      for (const int shift : {24, 16, 8, 0}) out += static_cast<char>((value >> shift) & 0xFF);
    return out;
  }

  Act next_act() {
    const std::lock_guard lock(mutex_);
    ++requests_;
    return at_ < script_.size() ? script_[at_++] : Act::answer;
  }

  /// False where the connection ends.
  bool respond(Stream& stream, std::uint32_t id) {
    constexpr std::uint8_t end_headers = 4, end_stream = 1;
    const std::string status_200("\x88");  // of HPACK's static table
    switch (next_act()) {
      case Act::answer:
        send(stream, headers, end_headers, id, status_200);
        send(stream, data, end_stream, id, "fine");
        return true;
      case Act::refuse: send(stream, reset, 0, id, numbers({7})); return true;
      case Act::go_away: send(stream, goaway, 0, 0, numbers({0, 0})); return false;
      case Act::cut:
        send(stream, headers, end_headers, id, status_200);
        send(stream, data, 0, id, "fi");
        send(stream, goaway, 0, 0, numbers({id, 0}));
        return false;
      case Act::reset_midway:
        send(stream, headers, end_headers, id, status_200);
        send(stream, data, 0, id, "fi");
        send(stream, reset, 0, id, numbers({2}));
        return true;
    }
    return false;
  }

  void serve(Stream& stream) {
    ++connected_;
    boost::system::error_code problem;
    stream.handshake(boost::asio::ssl::stream_base::server, problem);
    std::array<unsigned char, 24> preface{};
    if (!problem) boost::asio::read(stream, boost::asio::buffer(preface), problem);
    if (!problem) send(stream, settings, 0, 0, {});
    while (!problem && !ends_) {
      std::array<unsigned char, 9> head{};
      boost::asio::read(stream, boost::asio::buffer(head), problem);
      if (problem) break;
      const auto size = (std::size_t{head[0]} << 16) | (std::size_t{head[1]} << 8) | head[2];
      const auto id = ((std::uint32_t{head[5]} & 0x7F) << 24) | (std::uint32_t{head[6]} << 16) |
                      (std::uint32_t{head[7]} << 8) | head[8];
      std::string payload(size, '\0');
      boost::asio::read(stream, boost::asio::buffer(payload), problem);
      if (problem) break;
      const bool is_ack = (head[4] & 1) != 0;
      if (head[3] == settings && !is_ack) send(stream, settings, 1, 0, {});
      if (head[3] == ping && !is_ack) send(stream, ping, 1, 0, payload);
      const bool ends_request = (head[3] == headers || head[3] == data) && is_ack;  // the same bit: END_STREAM
      if (ends_request && !respond(stream, id)) break;
    }
    stream.shutdown(problem);
    stream.lowest_layer().shutdown(tcp::socket::shutdown_both, problem);
  }

  std::mutex mutex_;
  std::vector<Act> script_;
  std::size_t at_ = 0;
  boost::asio::io_context loop_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::atomic<bool> ends_ = false;
  std::atomic<std::size_t> requests_ = 0, connected_ = 0;
  std::list<Connection> connections_;
  std::jthread thread_;
};

}  // namespace dspy::test
