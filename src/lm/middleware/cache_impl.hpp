#pragma once

#include "dspy/lm/middleware/cache.hpp"
#include "lm/middleware/flights.hpp"
#include "lm/middleware/memory_cache.hpp"
#include "lm/middleware/question.hpp"

#include <memory>
#include <optional>
#include <string>

namespace dspy {

/// A reply as a cache hands it out: nothing was billed for it.
Reply as_hit(Reply reply, ReplySource source);

class Cache::Impl {
 public:
  explicit Impl(CacheOptions how);

  CacheTime now() const { return std::chrono::floor<std::chrono::milliseconds>(options.clock->wall()); }
  bool reads() const noexcept { return options.mode != CacheOptions::Mode::write_only; }

  /// From the store, and then into memory.
  std::shared_ptr<const Reply> find_kept(const Question& question, const std::string& key);
  /// If it is worth keeping.
  void keep(const Question& question, const std::string& key, const Reply& reply, std::string model,
            std::string program);

  const CacheOptions options;
  MemoryCache memory;
  std::shared_ptr<CacheStore> store;
  Flights flights;

 private:
  void remember(const Question& question, Reply hit, CacheTime created, std::optional<CacheTime> expires,
                std::string model, std::string program);
};

}  // namespace dspy
