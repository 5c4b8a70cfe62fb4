#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace dspy::bench {

/// One connection that asks and waits.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) std::abort();
  }
  Client(const Client&) = delete;
  ~Client() { ::close(socket_); }

  void ask(std::string_view request) {
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      std::abort();
    std::size_t got = 0, whole = 0;
    while (whole == 0 || got < whole) {
      const auto part = ::recv(socket_, buffer_.data() + got, buffer_.size() - got, 0);
      if (part <= 0) std::abort();
      got += static_cast<std::size_t>(part);
      if (whole == 0) whole = length({buffer_.data(), got});
    }
    if (!std::string_view(buffer_.data(), got).starts_with("HTTP/1.1 200")) std::abort();
  }

 private:
  static std::size_t length(std::string_view text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    for (const std::string_view field : {"Content-Length: ", "content-length: "}) {
      const auto at = text.find(field);
      if (at < end) return end + 4 + std::strtoul(text.data() + at + field.size(), nullptr, 10);
    }
    std::abort();  // nothing else is measured
  }

  int socket_;
  std::array<char, 16384> buffer_ = {};
};

}  // namespace dspy::bench
