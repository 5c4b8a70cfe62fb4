#pragma once

#include "dspy/base/secret.hpp"
#include "storage/resp.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::storage {

/// A server's address and credentials.
struct RedisAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user = {};
  Secret password = {};
  int database = 0;
  bool uses_tls = false;
  std::string authority = {};  ///< A file of certificates (PEM) that the server's is trusted by; empty: the system's.
  std::string role = "the cache's server";  ///< What messages call it.

  /// `redis://user:password@host:port/database`, or `valkey://…`; `rediss://…?ca=FILE` and `valkeys://…` over TLS.
  /// Throws `Error` (`config_error`), with neither user nor password in its message.
  static RedisAddress parse(std::string_view url, std::string role = "the cache's server");
  std::string origin() const;
};

class RedisTls;

using Deadline = std::chrono::steady_clock::time_point;

/// One connection, for one thread at a time.  What fails leaves it unusable.
class RedisConnection {
 public:
  /// Throws `Error` (`io_error`) if it cannot be made by `deadline`.
  RedisConnection(const RedisAddress& address, Deadline deadline);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  /// Throws `Error` (`config_error`) for an error that the server tells and that comes again, such as a wrong password
  /// or a key of another type; (`io_error`) for one that passes, and if there is no answer by `deadline`.
  RespValue ask(std::initializer_list<std::string_view> words, Deadline deadline);
  /// Sends all commands at once, and returns their answers in their order; an answer that is an error is one of them.
  std::vector<RespValue> ask_all(std::span<const std::vector<std::string>> commands, Deadline deadline);

 private:
  void connect(const RedisAddress& address, Deadline deadline);
  void wait(short events, Deadline deadline) const;
  void shake_hands(const RedisAddress& address, Deadline deadline);
  void send(std::string_view bytes, Deadline deadline) const;
  void send_raw(std::string_view bytes, Deadline deadline) const;
  /// The next bytes there are, at least one, as they came.
  std::string_view receive_raw(std::span<char> buffer, Deadline deadline) const;
  RespValue receive(Deadline deadline);

  int socket_ = -1;
  std::string name_;  ///< Role and origin.
  std::unique_ptr<RedisTls> tls_;
  RespReader reader_;
};

}  // namespace dspy::storage
