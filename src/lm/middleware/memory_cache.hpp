#pragma once

#include "dspy/lm/middleware/cache.hpp"
#include "lm/middleware/question.hpp"

#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace dspy {

/// The replies that were used last, in a bounded number of bytes.  In shards, each with a lock of its own. Thread-safe.
class MemoryCache {
 public:
  struct Kept {
    std::shared_ptr<const Reply> reply;  ///< As a hit returns it.
    CacheTime created = {};
    std::optional<CacheTime> expires = {};
    std::string model = {};
    std::string program = {};
  };

  explicit MemoryCache(std::size_t max_bytes) : max_shard_bytes_(max_bytes / shard_count) {}

  std::shared_ptr<const Reply> find(const Question& question, CacheTime now);
  /// `question.request` must own its request.
  void put(const Question& question, Kept kept);
  std::size_t erase(const CacheFilter& filter, CacheTime now);
  CacheStats stats() const;

 private:
  static constexpr std::size_t shard_count = 16;

  struct Entry {
    Question question;
    Kept kept;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  ///< The last used first.

  struct Shard {
    mutable std::mutex mutex;
    Entries entries;
    std::unordered_multimap<std::uint64_t, Entries::iterator> by_hash;
    std::size_t bytes = 0;
    std::uint64_t hits = 0, misses = 0, writes = 0;

    Entries::iterator find(const Question& question);
    void drop(Entries::iterator entry);
  };

  Shard& shard_of(const Question& question) noexcept { return shards_[question.hash >> 60]; }

  std::size_t max_shard_bytes_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace dspy
