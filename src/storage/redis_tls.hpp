#pragma once

#include "storage/redis_connection.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace dspy::storage {

/// TLS with a server, without I/O: bytes that came go in, bytes to be sent come out.  Its certificate must be of the
/// host's name and trusted.  All but `outgoing` throw `Error` (`io_error`) for what is not TLS, (`config_error`) for a
/// certificate that is not trusted.
class RedisTls {
 public:
  virtual ~RedisTls() = default;

  /// Goes on with the handshake as far as it can; whether it is over.
  virtual bool shake_hands() = 0;
  /// What came from the server.
  virtual void take(std::string_view sealed) = 0;
  /// What the server says, of what was taken so far.
  virtual std::string opened() = 0;
  /// Has this sent.
  virtual void seal(std::string_view plain) = 0;
  /// What is to be sent to the server now.
  virtual std::string outgoing() = 0;
};

/// Errors call the server `name`.  Throws `Error` (`config_error`) for a file of certificates that cannot be read, and
/// where the library was built without OpenSSL.
std::unique_ptr<RedisTls> redis_tls(const RedisAddress& address, std::string name);

}  // namespace dspy::storage
