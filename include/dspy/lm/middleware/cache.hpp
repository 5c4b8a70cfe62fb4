#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/lm/middleware/stack.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

using CacheTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A reply as a store keeps it.
struct CacheEntry {
  std::string key = {};    ///< `cache_key`.
  std::string value = {};  ///< The reply as JSON.
  CacheTime created = {};
  std::optional<CacheTime> expires = {};
  std::string model = {};
  std::string program = {};

  bool operator==(const CacheEntry&) const = default;
};

/// Selects entries: those that match every set member.
struct CacheFilter {
  std::string model = {};
  std::string program = {};
  std::optional<std::chrono::milliseconds> older_than = {};

  bool operator==(const CacheFilter&) const = default;
};

struct CacheStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t writes = 0;
  std::uint64_t damaged = 0;  ///< Entries that were thrown away since they could not be trusted.

  bool operator==(const CacheStats&) const = default;
};

/// A tier of a cache outside this process's memory.  Thread-safe.  Nothing here throws but `erase`, `each` and `flush`:
/// a cache that is broken must not break a call; it says so in the log.
class CacheStore {
 public:
  virtual ~CacheStore() = default;

  virtual ReplySource source() const noexcept = 0;
  /// What is kept under `key` and has not expired.  An entry that is damaged is dropped and counted, never returned.
  virtual std::optional<CacheEntry> find(std::string_view key, CacheTime now) noexcept = 0;
  /// Keeps it soon.
  virtual void put(CacheEntry entry) noexcept = 0;
  /// How many it took away.  Throws `Error` (`io_error`).
  virtual std::size_t erase(const CacheFilter& filter, CacheTime now) = 0;
  /// All that is kept, oldest first.  Throws `Error` (`io_error`).
  virtual void each(const std::function<void(const CacheEntry& entry)>& visit) = 0;
  /// Waits until all entries are stored.  Throws `Error` (`io_error`).
  virtual void flush() = 0;
  virtual CacheStats stats() = 0;
};

struct CacheOptions {
  enum class Mode {
    read_write,
    read_only,   ///< What is not there is asked for, and not kept.
    write_only,  ///< Everything is asked for, and kept.
  };

  /// Unset: on if a directory or a store is named.
  std::optional<bool> enable_cache = {};
  /// How long a reply is kept; 0: for ever, which suits optimizers.
  int cache_ttl_secs = 300;
  /// Where replies are kept beyond this process (`~` is the home folder).  Empty: in memory only.
  std::string directory = {};
  std::shared_ptr<CacheStore> store = {};  ///< Instead of `directory`.
  std::size_t memory_bytes = 256U << 20;
  Mode mode = Mode::read_write;
  std::string scope = {};  ///< Replies are found only by those who name the same, such as a tenant.
  bool keeps_cut = false;  ///< Keep replies that ended at `max_tokens` too.
  const Clock* clock = &Clock::real();

  bool is_on() const noexcept { return enable_cache.value_or(!directory.empty() || store != nullptr); }
};

/// Throws `Error` (`invalid_parameter`) that names the first option outside its range.
void validate(const CacheOptions& options);

/// What a reply is kept under: SHA-256 of everything that it depends on, which is the request, the LM's fingerprint,
/// the scope and the rollout's id.  A rollout's id is `ProviderOptions::metadata["rollout_id"]`, as in DSPy: another
/// one asks for another answer to the same question.  What else is in `metadata`, and `user_id`, does not count.
std::string cache_key(const Request& request, std::string_view fingerprint, std::string_view scope = {});

/// Replies that were written before, in memory and below it in a store.  Shared by as many LMs as you like.
/// Thread-safe.
class Cache {
 public:
  explicit Cache(CacheOptions options);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  const CacheOptions& options() const noexcept;
  const std::shared_ptr<CacheStore>& store() const noexcept;
  /// Of the memory.
  CacheStats stats() const;
  /// From memory and store; how many there were in the store, or in memory if there is none.
  std::size_t erase(const CacheFilter& filter = {});

  class Impl;
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Answers repeated requests from the cache, at no cost: `Reply::handling` has the tier and the usage of the original
/// request.  Identical concurrent requests are sent once; if the caller that sends it gives up, another takes over.
/// Not cached: errors, refusals, and replies that were filtered or cut.
Layer cached(std::shared_ptr<Cache> cache);
/// The same with a cache of its own.
Layer cached(CacheOptions options = {});

/// What opens a directory; the part `dspy::storage` registers one.  Returns true, for use in an initialiser.
using CacheStoreOpener = std::shared_ptr<CacheStore> (*)(const std::string& directory);
bool register_cache_store(CacheStoreOpener opener);

}  // namespace dspy
