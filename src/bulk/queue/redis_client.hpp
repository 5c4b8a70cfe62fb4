#pragma once

#include "storage/redis_connection.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace dspy::bulk {

/// A server that may be gone for a while: what is asked is asked again on a new connection, until `outage` is over.
/// So what is asked must bear to be done twice.  Thread-safe; one question at a time.
class RedisClient {
 public:
  using Ask = std::function<storage::RespValue(storage::RedisConnection& connection, storage::Deadline deadline)>;

  /// `prepare` is done on each new connection.  Throws `Error` (`config_error`) for a URL that cannot be read.
  RedisClient(std::string_view url, std::string what, std::chrono::milliseconds outage, Ask prepare = {});

  /// Throws `Error` (`io_error`) that names the server and what it is for; at once (`config_error`) for errors that
  /// waiting cannot fix, such as a wrong password.
  storage::RespValue ask(const Ask& ask);

 private:
  storage::RedisAddress address_;
  std::string what_;
  std::chrono::milliseconds outage_;
  Ask prepare_;
  std::mutex mutex_;
  std::unique_ptr<storage::RedisConnection> connection_;
};

/// Members of a list that a script returned.  Throws `Error` (`io_error`) for another kind.
const std::vector<storage::RespValue>& list_of(const storage::RespValue& value);

}  // namespace dspy::bulk
