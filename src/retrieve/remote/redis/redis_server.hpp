#pragma once

#include "dspy/base/async.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy::remote {

using RedisCommand = std::vector<std::string>;

/// A server, and connections to it that wait for the next call.
struct RedisServer {
  storage::RedisAddress address;
  int attempts = 4;
  std::chrono::milliseconds patience{600'000};
  std::mutex mutex;
  std::vector<std::unique_ptr<storage::RedisConnection>> idle;
};

/// Asks all commands at once, and again where they may succeed a little later: they must bear to be done twice.  Throws
/// `Error`: `unavailable`, `authentication_failed`, `config_error` where the server has no search, `refused` with what
/// it says otherwise, unless that has `fine_error` in it.
Async<std::vector<storage::RespValue>> ask_redis(std::shared_ptr<RedisServer> server,
                                                 std::vector<RedisCommand> commands, std::stop_token stop = {},
                                                 std::string fine_error = {});

}  // namespace dspy::remote
