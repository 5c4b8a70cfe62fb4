#pragma once

#include "dspy/lm/middleware/breaker.hpp"
#include "dspy/retrieve/embedding_cache.hpp"
#include "storage/redis_pool.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

/// Vectors on a Redis or Valkey server, each with a checksum.  Asks and tells in batches; after failures it is silent
/// for a while.  Nothing here throws but the constructor.  Not safe to use from several threads at once.
class SharedVectors {
 public:
  /// Throws `Error` (`config_error`).
  explicit SharedVectors(const EmbeddingCacheOptions& options);

  /// Those of the keys that the server has.  A damaged one counts as absent, and in `damaged`.
  std::map<std::string, std::vector<float>> find(std::span<const std::string> keys, std::uint64_t& damaged);
  void put(std::span<const std::pair<std::string, std::vector<float>>> entries);

 private:
  using Command = std::vector<std::string>;
  /// The answers, in order; empty if the server failed, or is left alone.
  std::vector<storage::RespValue> ask(const std::vector<Command>& commands);

  storage::RedisPool pool_;
  std::chrono::milliseconds timeout_;
  std::chrono::seconds ttl_;
  Breaker breaker_;
  bool has_told_ = false;
};

}  // namespace dspy
