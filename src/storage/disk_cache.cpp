#include "dspy/storage/disk_cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/storage/database.hpp"
#include "storage/kept_reply.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <format>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace dspy {
namespace {

namespace fs = std::filesystem;
using storage::Database;
using storage::Statement;

constexpr std::size_t most_at_once = 256;
constexpr auto gathering_time = std::chrono::milliseconds(5);
constexpr int writes_between_cleanings = 1'000;

/// A connection for reading, with its statement.
struct Reader {
  explicit Reader(const fs::path& path)
      : database(path, cache_file_options()),
        find(database.prepare(std::format("SELECT {} FROM replies WHERE key = ?1", kept_columns))) {}

  Database database;
  Statement find;
};

void tell(const std::string& what) {
  log(LogLevel::warning, "cache", what);
}

}  // namespace

class DiskCache::Impl {
 public:
  Impl(const fs::path& directory, DiskCacheOptions options)
      : options_(options), path_(directory / "replies.sqlite"), writing_(path_, cache_file_options()) {
    readers_.push_back(std::make_unique<Reader>(path_));
    writer_ = std::jthread([this](const std::stop_token& stop) { write_until(stop); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      writer_.request_stop();
    }
    changed_.notify_all();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::optional<CacheEntry> find(std::string_view key, CacheTime now) {
    if (const auto waiting = find_waiting(key)) return is_alive(*waiting, now) ? waiting : std::nullopt;
    auto reader = take_reader();
    auto& statement = reader->find;
    statement.bind_text(1, key);
    const bool is_there = statement.step();
    auto entry = is_there ? kept_entry(statement) : std::nullopt;
    statement.reset();
    give_back(std::move(reader));
    if (is_there && (!entry || entry->key != key)) {
      ++damaged;
      tell("a damaged reply in the cache was dropped and will be requested again");
      forget(key);
      return {};
    }
    return entry && is_alive(*entry, now) ? entry : std::nullopt;
  }

  void put(CacheEntry entry) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.max_waiting) {
      if (!std::exchange(has_told_full_, true))
        tell("the disk is too slow for the cache: some replies were not stored");
      return;
    }
    waiting_.push_back(std::move(entry));
    changed_.notify_all();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.empty() && !is_writing_; });
    if (failure_) throw Error(*std::exchange(failure_, {}));
  }

  std::size_t erase(const CacheFilter& filter, CacheTime now) {
    flush();
    std::string sql = "DELETE FROM replies WHERE 1";
    if (!filter.model.empty()) sql += " AND model = ?1";
    if (!filter.program.empty()) sql += " AND program = ?2";
    if (filter.older_than) sql += " AND created < ?3";
    const std::lock_guard lock(writing_mutex_);
    auto statement = writing_.prepare(sql);
    if (!filter.model.empty()) statement.bind_text(1, filter.model);
    if (!filter.program.empty()) statement.bind_text(2, filter.program);
    if (filter.older_than) statement.bind(3, milliseconds(now - *filter.older_than));
    const auto erased = statement.run();
    writing_.execute("PRAGMA incremental_vacuum");
    return erased;
  }

  void each(const std::function<void(const CacheEntry&)>& visit) {
    flush();
    Database database(path_, cache_file_options());
    auto rows = database.prepare(std::format("SELECT {} FROM replies ORDER BY created, key", kept_columns));
    while (rows.step()) {
      if (const auto entry = kept_entry(rows)) {
        visit(*entry);
      } else {
        ++damaged;
      }
    }
  }

  void count(CacheStats& stats) {
    auto reader = take_reader();
    auto rows = reader->database.prepare("SELECT count(*), total(length(value)) FROM replies");
    if (rows.step()) {
      stats.entries = static_cast<std::uint64_t>(rows.integer(0));
      stats.bytes = static_cast<std::uint64_t>(rows.integer(1));
    }
    give_back(std::move(reader));
  }

  std::atomic<std::uint64_t> hits = 0, misses = 0, writes = 0, damaged = 0;

 private:
  static bool is_alive(const CacheEntry& entry, CacheTime now) noexcept {
    return !entry.expires || *entry.expires > now;
  }

  std::optional<CacheEntry> find_waiting(std::string_view key) {
    const std::lock_guard lock(mutex_);
    for (const auto* const entries : {&waiting_, &under_way_}) {
      for (auto at = entries->rbegin(); at != entries->rend(); ++at) {
        if (at->key == key) return *at;
      }
    }
    return {};
  }

  std::unique_ptr<Reader> take_reader() {
    {
      const std::lock_guard lock(readers_mutex_);
      if (!readers_.empty()) {
        auto reader = std::move(readers_.back());
        readers_.pop_back();
        return reader;
      }
    }
    return std::make_unique<Reader>(path_);
  }

  void give_back(std::unique_ptr<Reader> reader) {
    const std::lock_guard lock(readers_mutex_);
    readers_.push_back(std::move(reader));
  }

  void forget(std::string_view key) {
    const std::lock_guard lock(writing_mutex_);
    auto statement = writing_.prepare("DELETE FROM replies WHERE key = ?1");
    statement.bind_text(1, key).run();
  }

  /// What waits, until there is nothing left and `stop` is asked.
  void write_until(const std::stop_token& stop) {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop.stop_requested() || !waiting_.empty(); });
      if (waiting_.empty()) return;
      // A moment, in which others join.
      if (waiting_.size() < most_at_once && !stop.stop_requested())
        changed_.wait_for(lock, gathering_time,
                          [&] { return stop.stop_requested() || waiting_.size() >= most_at_once; });
      under_way_ = std::exchange(waiting_, {});
      is_writing_ = true;
      lock.unlock();
      const auto done = attempt([&] { write(under_way_); });
      lock.lock();
      under_way_.clear();
      is_writing_ = false;
      if (!done) {
        tell(std::format("replies are not kept: {}", done.error().what()));
        failure_ = done.error();
      }
      changed_.notify_all();
    }
  }

  void write(const std::deque<CacheEntry>& entries) {
    const std::lock_guard lock(writing_mutex_);
    if (!insert_)
      insert_ = writing_.prepare(
          std::format("INSERT OR REPLACE INTO replies ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", kept_columns));
    writing_.transaction([&] {
      for (const auto& entry : entries) {
        std::optional<std::int64_t> expires;
        if (entry.expires) expires = milliseconds(*entry.expires);
        insert_->bind_text(1, entry.key).bind(2, milliseconds(entry.created)).bind(3, expires);
        insert_->bind_text(4, entry.model).bind_text(5, entry.program).bind_bytes(6, entry.value);
        insert_->bind(7, checksum(entry)).run();
      }
    });
    writes += entries.size();
    since_cleaning_ += static_cast<int>(entries.size());
    if (since_cleaning_ < writes_between_cleanings) return;
    since_cleaning_ = 0;
    clean(entries.back().created);
  }

  /// What has expired goes, and the oldest of what is too much.
  void clean(CacheTime now) {
    writing_.prepare("DELETE FROM replies WHERE expires IS NOT NULL AND expires <= ?1")
        .bind(1, milliseconds(now))
        .run();
    const auto ask = [&](std::string_view sql) {
      auto rows = writing_.prepare(sql);
      return rows.step() ? static_cast<std::uint64_t>(rows.integer(0)) : 0;
    };
    const auto used = (ask("PRAGMA page_count") - ask("PRAGMA freelist_count")) * ask("PRAGMA page_size");
    if (used > options_.max_bytes)
      writing_.execute(
          "DELETE FROM replies WHERE rowid IN (SELECT rowid FROM replies ORDER BY created LIMIT "
          "(SELECT count(*) / 10 + 1 FROM replies))");
    writing_.execute("PRAGMA incremental_vacuum");
  }

  const DiskCacheOptions options_;
  const fs::path path_;

  std::mutex writing_mutex_;
  Database writing_;
  std::optional<Statement> insert_;
  int since_cleaning_ = writes_between_cleanings;  // the first time at once

  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> readers_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CacheEntry> waiting_, under_way_;
  bool is_writing_ = false;
  bool has_told_full_ = false;
  std::optional<Error> failure_;
  std::jthread writer_;  // ends before what it uses
};

DiskCache::DiskCache(const fs::path& directory, DiskCacheOptions options)
    : impl_(std::make_unique<Impl>(directory, options)) {}

DiskCache::~DiskCache() = default;

std::optional<CacheEntry> DiskCache::find(std::string_view key, CacheTime now) noexcept {
  auto found = attempt([&] { return impl_->find(key, now); });
  if (!found) tell(std::format("the cache cannot be read: {}", found.error().what()));
  const bool is_hit = found && *found;
  ++(is_hit ? impl_->hits : impl_->misses);
  return is_hit ? *std::move(found) : std::nullopt;
}

void DiskCache::put(CacheEntry entry) noexcept {
  if (const auto done = attempt([&] { impl_->put(std::move(entry)); }); !done)
    tell(std::format("a reply is not kept: {}", done.error().what()));
}

std::size_t DiskCache::erase(const CacheFilter& filter, CacheTime now) {
  return impl_->erase(filter, now);
}

void DiskCache::each(const std::function<void(const CacheEntry& entry)>& visit) {
  impl_->each(visit);
}

void DiskCache::flush() {
  impl_->flush();
}

CacheStats DiskCache::stats() {
  CacheStats stats{.hits = impl_->hits, .misses = impl_->misses, .writes = impl_->writes, .damaged = impl_->damaged};
  impl_->count(stats);
  return stats;
}

}  // namespace dspy
