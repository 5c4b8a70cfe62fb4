#pragma once

#include "dspy/base/async.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/redis/redis_index.hpp"
#include "retrieve/remote/redis/redis_server.hpp"
#include "storage/resp.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

// A Redis store's index: found, or made once.

namespace dspy::remote::redis {

inline constexpr std::string_view kind = "redis";

struct State {
  std::shared_ptr<remote::RedisServer> server = std::make_shared<remote::RedisServer>();
  std::string name;
  std::vector<std::string> numbers;
  bool is_approximate = false;
  RemoteStoreOptions options;
  std::mutex mutex;
  std::optional<RedisIndex> found;
  bool is_made = false;  ///< By `FT.CREATE`, or it was there.
};
using Shared = std::shared_ptr<State>;

/// Asks one command.
Async<storage::RespValue> ask(Shared state, RedisCommand command, std::stop_token stop = {});

/// The index, if it is there.
Async<std::optional<RedisIndex>> find(Shared state);
/// The description that the first process wrote counts for all.  The index is made from it, and made again if a process
/// died in between.
Async<RedisIndex> find_or_make(Shared state, std::size_t dimensions);

}  // namespace dspy::remote::redis
