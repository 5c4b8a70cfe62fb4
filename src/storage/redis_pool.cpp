#include "storage/redis_pool.hpp"

#include "dspy/base/error.hpp"

#include <cstddef>
#include <utility>

namespace dspy::storage {
namespace {

constexpr std::size_t most_idle = 16;

}  // namespace

RedisPool::RedisPool(RedisAddress address) : address_(std::move(address)) {}

RespValue RedisPool::ask(Deadline until,
                         const std::function<RespValue(RedisConnection& server, Deadline until)>& work) {
  if (auto kept = take()) {
    if (auto result = attempt([&] { return work(*kept, until); })) {
      give_back(std::move(kept));
      return *std::move(result);
    }
  }
  auto fresh = std::make_unique<RedisConnection>(address_, until);
  auto result = work(*fresh, until);
  give_back(std::move(fresh));
  return result;
}

std::unique_ptr<RedisConnection> RedisPool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return {};
  auto out = std::move(idle_.back());
  idle_.pop_back();
  return out;
}

void RedisPool::give_back(std::unique_ptr<RedisConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle) idle_.push_back(std::move(connection));
}

}  // namespace dspy::storage
