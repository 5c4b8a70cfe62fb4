#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>
#include <thread>

namespace dspy::test {

/// A Valkey or Redis server on a free port of this machine, until it is destroyed.  It is not there where neither is
/// installed.
class CacheServer {
 public:
  /// With a file of a certificate, of its key: over TLS only.
  explicit CacheServer(const std::string& certificate = {}, const std::string& key = {})
      : is_secure_(!certificate.empty()) {
    const auto program = find();
    if (program.empty()) return;
    port_ = free_port();
    id_ = ::fork();
    if (id_ == 0) {
      const auto port = std::to_string(port_);
      ::close(STDOUT_FILENO);
      if (is_secure_) {
        ::execl(program.c_str(), program.c_str(), "--port", "0", "--tls-port", port.c_str(), "--tls-cert-file",
                certificate.c_str(), "--tls-key-file", key.c_str(), "--tls-auth-clients", "no", "--bind", "127.0.0.1",
                "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", "/tmp", nullptr);
        ::_exit(127);
      }
      ::execl(program.c_str(), program.c_str(), "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "",
              "--appendonly", "no", "--daemonize", "no", "--dir", "/tmp", nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !answers(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ~CacheServer() { stop(); }
  CacheServer(const CacheServer&) = delete;
  CacheServer& operator=(const CacheServer&) = delete;

  bool is_there() const { return id_ > 0; }
  std::string url() const { return std::format("{}://127.0.0.1:{}/1", is_secure_ ? "rediss" : "redis", port_); }
  /// It answers nothing, and its connections stay.
  void freeze() const { ::kill(id_, SIGSTOP); }
  void thaw() const { ::kill(id_, SIGCONT); }
  void stop() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    int status = 0;
    ::waitpid(id_, &status, 0);
    id_ = 0;
  }

 private:
  static std::string find() {
    for (const auto* const name : {"valkey-server", "redis-server"})
      for (const auto* const folder : {"/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"})
        if (std::filesystem::exists(std::string(folder) + name)) return std::string(folder) + name;
    return {};
  }

  static sockaddr_in here(std::uint16_t port) {
    sockaddr_in out = {};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }

  static std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    auto address = here(0);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ::close(socket);
    return ntohs(address.sin_port);
  }

  bool answers() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    const auto address = here(port_);
    const bool out = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(socket);
    return out;
  }

  bool is_secure_ = false;
  pid_t id_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace dspy::test
