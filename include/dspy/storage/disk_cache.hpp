#pragma once

#include "dspy/lm/middleware/cache.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

struct DiskCacheOptions {
  std::uint64_t max_bytes = 8ULL << 30;  ///< Above it, the oldest replies go.
  std::size_t max_waiting = 4'096;       ///< Replies that wait to be written; more are not kept.
};

/// The tier of a cache that is a SQLite file, `replies.sqlite` in a folder, which several processes may share.  Each
/// entry has a checksum.  Entries are written in batches by a separate thread, so no call waits for the disk; a killed
/// process loses only its most recent entries.
class DiskCache final : public CacheStore {
 public:
  /// Throws `Error` (`io_error`) if the folder cannot be written.
  explicit DiskCache(const std::filesystem::path& directory, DiskCacheOptions options = {});
  ~DiskCache() override;
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  ReplySource source() const noexcept override { return ReplySource::disk; }
  std::optional<CacheEntry> find(std::string_view key, CacheTime now) noexcept override;
  void put(CacheEntry entry) noexcept override;
  std::size_t erase(const CacheFilter& filter, CacheTime now) override;
  void each(const std::function<void(const CacheEntry& entry)>& visit) override;
  void flush() override;
  CacheStats stats() override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

/// What `directory` of `CacheOptions` means: a folder, where `~` is the home folder, or a server's address such as
/// `redis://localhost:6379/0`.
std::shared_ptr<CacheStore> open_disk_cache(const std::string& directory);

}  // namespace dspy
