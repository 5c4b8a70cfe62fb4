#pragma once

#include "dspy/lm/middleware/cache.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

struct RemoteCacheOptions {
  std::string prefix = "dspy:1:";  ///< Before each key; another one is another cache.
  /// The longest that a call waits for the server.  After a few that were slower it is left alone for a while.
  std::chrono::milliseconds timeout{50};
  std::size_t max_value_bytes = 1U << 20;  ///< Longer replies are not kept there.
  std::size_t max_waiting = 4'096;         ///< Replies that wait to be sent; more are not kept.
};

/// The tier of a cache that is a Redis or Valkey server, which several machines may share.  Entries have a checksum,
/// and expire there as they do here.  A server that is slow or gone slows no call: it is asked under a timeout and
/// behind a circuit breaker, and what is put is sent by a thread of its own.
class RemoteCache final : public CacheStore {
 public:
  /// `url`: `redis://user:password@host:port/database`.  The server need not be there yet.  Throws `Error`
  /// (`config_error`) for a URL that cannot be read.
  explicit RemoteCache(std::string_view url, RemoteCacheOptions options = {});
  ~RemoteCache() override;
  RemoteCache(const RemoteCache&) = delete;
  RemoteCache& operator=(const RemoteCache&) = delete;

  ReplySource source() const noexcept override { return ReplySource::remote; }
  std::optional<CacheEntry> find(std::string_view key, CacheTime now) noexcept override;
  void put(CacheEntry entry) noexcept override;
  std::size_t erase(const CacheFilter& filter, CacheTime now) override;
  /// Oldest first, as far as entries do not change meanwhile.
  void each(const std::function<void(const CacheEntry& entry)>& visit) override;
  void flush() override;
  CacheStats stats() override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

/// Whether `directory` of `CacheOptions` is a server's address: `redis://…` or `valkey://…`.
bool is_remote_cache(std::string_view directory) noexcept;

/// Two tiers as one store: what the first lacks is looked for in the second, and kept in the first then; what is put is
/// put into both.  `source` is that of the tier where this thread found something last.
std::shared_ptr<CacheStore> tiered(std::shared_ptr<CacheStore> first, std::shared_ptr<CacheStore> second);

}  // namespace dspy
