#include "dspy/storage/remote_cache.hpp"

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/lm/middleware/breaker.hpp"
#include "storage/kept_record.hpp"
#include "storage/redis_connection.hpp"
#include "storage/redis_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <format>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using storage::Deadline;
using storage::RedisAddress;
using storage::RedisConnection;
using storage::RespValue;
using namespace std::chrono_literals;

/// For what people ask for, not calls.
constexpr auto patience = 5s;

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

void tell(const std::string& what) {
  log(LogLevel::warning, "cache", what);
}

}  // namespace

class RemoteCache::Impl {
 public:
  Impl(std::string_view url, RemoteCacheOptions options)
      : options_(std::move(options)),
        pool_(RedisAddress::parse(url)),
        breaker_({.min_calls = 3, .failure_ratio = 0.5, .open_for = 5s, .max_open_for = 60s, .probes = 1},
                 "the cache's server") {
    if (options_.timeout <= 0ms)
      throw Error(Errc::invalid_parameter, "the timeout of a cache's server must be above 0 ms");
    sender_ = std::jthread([this](const std::stop_token& stop) { send_until(stop); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      sender_.request_stop();
    }
    changed_.notify_all();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::optional<CacheEntry> find(std::string_view key, CacheTime now) {
    if (const auto waiting = find_waiting(key)) return waiting;
    std::optional<RespValue> found;
    guarded([&] {
      found = pool_.ask(in(options_.timeout), [&](RedisConnection& server, Deadline until) {
        return server.ask({"GET", options_.prefix + std::string(key)}, until);
      });
    });
    if (!found || found->kind != RespValue::Kind::text) return {};
    auto entry = entry_of(key, found->text);
    if (!entry) {
      ++damaged;
      tell("a damaged reply in the remote cache was ignored and will be requested again");
      return {};
    }
    if (entry->expires && *entry->expires <= now) return {};
    return entry;
  }

  void put(CacheEntry entry) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.max_waiting) {
      ++dropped_;
      return;
    }
    waiting_.push_back(std::move(entry));
    changed_.notify_all();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.empty() && !is_sending_; });
    if (failure_) throw Error(*std::exchange(failure_, {}));
  }

  /// Calls `visit` with each entry there is.
  template <class F>
  void scan(F visit) {
    RedisConnection server(pool_.address(), in(patience));
    std::string cursor = "0";
    do {
      const auto page =
          server.ask({"SCAN", cursor, "MATCH", escaped(options_.prefix) + "*", "COUNT", "500"}, in(patience));
      if (page.kind != RespValue::Kind::list || page.list.size() != 2) fail();
      cursor = page.list[0].text;
      for (const auto& name : page.list[1].list) {
        const auto value = server.ask({"GET", name.text}, in(patience));
        if (value.kind != RespValue::Kind::text) continue;  // it has expired meanwhile
        if (auto entry = entry_of(std::string_view(name.text).substr(options_.prefix.size()), value.text)) {
          visit(server, name.text, *std::move(entry), value.text.size());
        } else {
          ++damaged;
        }
      }
    } while (cursor != "0");
  }

  std::size_t erase(const CacheFilter& filter, CacheTime now) {
    flush();
    std::size_t erased = 0;
    scan([&](RedisConnection& server, const std::string& name, const CacheEntry& entry, std::size_t) {
      const bool is_meant = (filter.model.empty() || entry.model == filter.model) &&
                            (filter.program.empty() || entry.program == filter.program) &&
                            (!filter.older_than || entry.created < now - *filter.older_than);
      if (!is_meant) return;
      const auto count = server.ask({"DEL", name}, in(patience));
      if (count.integer > 0) ++erased;
    });
    return erased;
  }

  std::atomic<std::uint64_t> hits = 0, misses = 0, writes = 0, damaged = 0;

 private:
  [[noreturn]] static void fail() {
    throw Error(Errc::io_error, "the cache's server answers otherwise than Redis does; check its address");
  }

  /// A prefix is not a pattern.
  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (std::string_view("*?[]\\^").contains(c)) out += '\\';
      out += c;
    }
    return out;
  }

  /// Does `work`, unless the server has been failing; nothing that it throws gets further.
  template <class F>
  bool guarded(F work) {
    const auto& clock = Clock::real();
    Ticket ticket;
    if (!attempt([&] { breaker_.admit({}, clock.now(), ticket); })) return false;
    const auto done = attempt(work);
    const Error failure(Errc::unavailable, done ? "" : done.error().what());
    static const Reply fine;
    breaker_.settle(
        ticket,
        {.was_sent = true, .reply = done ? &fine : nullptr, .error = done ? nullptr : &failure, .now = clock.now()});
    if (!done && breaker_.state(clock.now()) == Breaker::State::open && !has_told_.exchange(true))
      tell(std::format("the remote cache is left alone for a while: {}", done.error().what()));
    if (done) has_told_ = false;
    return done.has_value();
  }

  std::optional<CacheEntry> find_waiting(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(waiting_.rbegin(), waiting_.rend(), key, &CacheEntry::key);
    return found == waiting_.rend() ? std::nullopt : std::optional(*found);
  }

  void send_until(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stop.stop_requested() || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto entry = std::move(waiting_.front());
      waiting_.pop_front();
      is_sending_ = true;
      lock.unlock();
      std::optional<Error> failure;
      if (!guarded([&] { send(entry); })) failure.emplace(Errc::io_error, "the cache's server does not accept replies");
      lock.lock();
      is_sending_ = false;
      if (failure) failure_ = std::move(failure);
      changed_.notify_all();
    }
  }

  void send(const CacheEntry& entry) {
    const auto record = to_record(entry);
    if (record.size() > options_.max_value_bytes) return;
    const auto name = options_.prefix + entry.key;
    const auto now = std::chrono::floor<std::chrono::milliseconds>(Clock::real().wall());
    const auto left = entry.expires ? (*entry.expires - now).count() : 0;
    if (entry.expires && left <= 0) return;
    pool_.ask(in(10 * options_.timeout), [&](RedisConnection& server, Deadline until) {
      return entry.expires ? server.ask({"SET", name, record, "PX", std::to_string(left)}, until)
                           : server.ask({"SET", name, record}, until);
    });
    ++writes;
  }

  const RemoteCacheOptions options_;
  storage::RedisPool pool_;
  Breaker breaker_;
  std::atomic<bool> has_told_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CacheEntry> waiting_;
  bool is_sending_ = false;
  std::uint64_t dropped_ = 0;
  std::optional<Error> failure_;
  std::jthread sender_;  // ends before what it uses
};

RemoteCache::RemoteCache(std::string_view url, RemoteCacheOptions options)
    : impl_(std::make_unique<Impl>(url, std::move(options))) {}

RemoteCache::~RemoteCache() = default;

std::optional<CacheEntry> RemoteCache::find(std::string_view key, CacheTime now) noexcept {
  auto found = attempt([&] { return impl_->find(key, now); });
  const bool is_hit = found && *found;
  ++(is_hit ? impl_->hits : impl_->misses);
  return is_hit ? *std::move(found) : std::nullopt;
}

void RemoteCache::put(CacheEntry entry) noexcept {
  if (const auto done = attempt([&] { impl_->put(std::move(entry)); }); !done)
    tell(std::format("a reply is not kept: {}", done.error().what()));
}

std::size_t RemoteCache::erase(const CacheFilter& filter, CacheTime now) {
  return impl_->erase(filter, now);
}

void RemoteCache::each(const std::function<void(const CacheEntry& entry)>& visit) {
  flush();
  std::vector<CacheEntry> all;
  impl_->scan(
      [&](RedisConnection&, const std::string&, CacheEntry entry, std::size_t) { all.push_back(std::move(entry)); });
  std::ranges::sort(all, [](const CacheEntry& a, const CacheEntry& b) {
    return std::tie(a.created, a.key) < std::tie(b.created, b.key);
  });
  const auto repeated = std::ranges::unique(all, {}, &CacheEntry::key);  // a scan may see one twice
  all.erase(repeated.begin(), repeated.end());
  for (const auto& entry : all) visit(entry);
}

void RemoteCache::flush() {
  impl_->flush();
}

CacheStats RemoteCache::stats() {
  CacheStats out{.hits = impl_->hits, .misses = impl_->misses, .writes = impl_->writes};
  impl_->scan([&](RedisConnection&, const std::string&, const CacheEntry&, std::size_t bytes) {
    ++out.entries;
    out.bytes += bytes;
  });
  out.damaged = impl_->damaged;
  return out;
}

bool is_remote_cache(std::string_view directory) noexcept {
  return directory.starts_with("redis://") || directory.starts_with("valkey://") ||
         directory.starts_with("rediss://") || directory.starts_with("valkeys://");
}

}  // namespace dspy
