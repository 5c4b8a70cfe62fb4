#pragma once

#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace dspy::storage {

/// Connections to one server that wait for the next question.  Safe to use from several threads.
class RedisPool {
 public:
  explicit RedisPool(RedisAddress address);

  const RedisAddress& address() const noexcept { return address_; }

  /// Calls `work` with a connection, which is kept if all went well.  A kept one that was closed meanwhile is replaced
  /// once, so `work` may be called twice.  Throws what `work` throws, and `Error` where there is no connection.
  RespValue ask(Deadline until, const std::function<RespValue(RedisConnection& server, Deadline until)>& work);

 private:
  std::unique_ptr<RedisConnection> take();
  void give_back(std::unique_ptr<RedisConnection> connection);

  const RedisAddress address_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<RedisConnection>> idle_;
};

}  // namespace dspy::storage
