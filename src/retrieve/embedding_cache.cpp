#include "dspy/retrieve/embedding_cache.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/sha256.hpp"
#include "lm/middleware/waiter.hpp"
#include "retrieve/kept_vectors.hpp"
#include "retrieve/shared_vectors.hpp"

#include <chrono>
#include <cstddef>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Vector = std::vector<float>;

/// Texts that one call is asking for; others wait for it.
struct Flight {
  std::vector<std::shared_ptr<Waiter>> waiting;
};

}  // namespace

class CachedEmbedder::Impl {
 public:
  Impl(std::shared_ptr<Embedder> embedder, const EmbeddingCacheOptions& options)
      : embedder_(std::move(embedder)), memory_(options.memory_bytes) {
    if (!embedder_) throw Error(Errc::config_error, "a cache of embeddings needs an embedder; give one");
    if (!options.file.empty()) file_.emplace(options.file);
    if (!options.server.empty()) server_.emplace(options);
  }

  const std::shared_ptr<Embedder>& embedder() const noexcept { return embedder_; }

  std::string key_of(std::string_view text, EmbedRole role) const {
    return sha256(std::format("{}\n{}\n{}", embedder_fingerprint(*embedder_), static_cast<int>(role), text));
  }

  std::optional<Vector> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (const auto* const found = memory_.find(key)) {
      ++stats_.memory_hits;
      return *found;
    }
    if (!file_) return {};
    auto found = attempt([&] { return file_->find(key, stats_.damaged); });
    if (!found) {
      tell(found.error());
      return {};
    }
    if (*found) {
      ++stats_.disk_hits;
      memory_.put(key, **found);
    }
    return *std::move(found);
  }

  /// Asks the server for those that are neither in memory nor in the file, all at once, and keeps them there.  What it
  /// returns is what it got, as the memory may be too small for it.
  std::map<std::string, Vector> from_server(const std::vector<std::string>& keys) {
    if (!server_) return {};
    std::vector<std::string> missing;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& key : keys)
        if (memory_.find(key) == nullptr && !(file_ && is_in_file(key))) missing.push_back(key);
    }
    std::map<std::string, Vector> found;
    std::uint64_t damaged = 0;
    {
      const std::lock_guard lock(server_mutex_);
      found = server_->find(missing, damaged);
    }
    if (!found.empty()) keep_here({found.begin(), found.end()});
    const std::lock_guard lock(mutex_);
    stats_.server_hits += found.size();
    stats_.damaged += damaged;
    return found;
  }

  /// Somebody who asks already, or nobody: then the caller must.
  std::shared_ptr<Waiter> join(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto [flight, is_new] = flights_.try_emplace(key);
    if (is_new) {
      ++stats_.misses;
      return {};
    }
    ++stats_.joined;
    flight->second.waiting.push_back(std::make_shared<Waiter>());
    return flight->second.waiting.back();
  }

  void keep(const std::vector<std::pair<std::string, Vector>>& entries) {
    keep_here(entries);
    if (!server_) return;
    const std::lock_guard lock(server_mutex_);
    server_->put(entries);
  }

  void end(const std::vector<std::string>& keys) noexcept {
    const std::lock_guard lock(mutex_);
    for (const auto& key : keys) {
      const auto flight = flights_.find(key);
      if (flight == flights_.end()) continue;
      for (const auto& waiter : flight->second.waiting) waiter->wake();
      flights_.erase(flight);
    }
  }

  EmbeddingCacheStats stats() const {
    const std::lock_guard lock(mutex_);
    auto stats = stats_;
    stats.bytes = memory_.bytes();
    return stats;
  }

 private:
  void keep_here(const std::vector<std::pair<std::string, Vector>>& entries) {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, vector] : entries) memory_.put(key, vector);
    if (!file_) return;
    if (const auto done = attempt([&] { file_->put(entries); }); !done) tell(done.error());
  }

  bool is_in_file(const std::string& key) {
    const auto found = attempt([&] { return file_->find(key, stats_.damaged).has_value(); });
    return found && *found;
  }

  static void tell(const Error& error) {
    log(LogLevel::warning, "cache", std::format("the cache of embeddings cannot be used: {}", error.what()));
  }

  std::shared_ptr<Embedder> embedder_;
  mutable std::mutex mutex_;
  RecentVectors memory_;
  std::optional<StoredVectors> file_;
  std::mutex server_mutex_;  ///< Calls wait for the server without holding up those that need only memory.
  std::optional<SharedVectors> server_;
  std::unordered_map<std::string, Flight> flights_;
  EmbeddingCacheStats stats_;
};

namespace {

/// Those who wait are woken however the call that they wait for ends.
template <class Cache>
struct Lead {
  Cache& cache;
  std::vector<std::string> keys = {};

  explicit Lead(Cache& of) : cache(of) {}
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() { cache.end(keys); }
};

void check_wait(const EmbedRequest& request) {
  if (request.stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline)
    throw Error(Errc::deadline_exceeded, "the deadline passed while another call embedded the same text");
}

/// Each text that is not known yet by key, once, with its places in the request.
using Wanted = std::map<std::string, std::vector<std::size_t>>;

/// Asks for those that nobody asks for, and waits for the others.  What is left is to be looked for again.
template <class Cache>
Async<Wanted> one_round(std::shared_ptr<Cache> cache, const EmbedRequest& request, Wanted wanted, Embeddings& out) {
  std::vector<std::shared_ptr<Waiter>> waits;
  Wanted left;
  std::vector<std::string> keys;
  for (const auto& [key, places] : wanted) keys.push_back(key);
  const auto shared = cache->from_server(keys);
  {
    Lead<Cache> lead(*cache);
    EmbedRequest asked{.role = request.role, .deadline = request.deadline, .stop = request.stop};
    for (auto& [key, places] : wanted) {
      if (const auto got = shared.find(key); got != shared.end()) {
        for (const auto place : places) out.vectors[place] = got->second;
      } else if (auto found = cache->find(key)) {
        for (const auto place : places) out.vectors[place] = *found;
      } else if (auto waiter = cache->join(key)) {
        waits.push_back(std::move(waiter));
        left.emplace(key, places);
      } else {
        lead.keys.push_back(key);
        asked.texts.push_back(request.texts[places.front()]);
      }
    }
    if (!lead.keys.empty()) {
      auto made = co_await cache->embedder()->embed(std::move(asked));
      if (made.vectors.size() != lead.keys.size())
        throw Error(Errc::backend_error,
                    std::format("the embedder `{}` gave {} vectors for {} texts", cache->embedder()->model(),
                                made.vectors.size(), lead.keys.size()));
      std::vector<std::pair<std::string, Vector>> entries;
      for (std::size_t i = 0; i < lead.keys.size(); ++i) {
        for (const auto place : wanted.at(lead.keys[i])) out.vectors[place] = made.vectors[i];
        entries.emplace_back(lead.keys[i], std::move(made.vectors[i]));
      }
      cache->keep(entries);
      out.usage += made.usage;
    }
  }
  for (auto& waiter : waits) {
    co_await Waiter::wait(std::move(waiter), request.stop, request.deadline);
    check_wait(request);
  }
  co_return left;
}

template <class Cache>
Async<Embeddings> embed_all(std::shared_ptr<Cache> cache, EmbedRequest request) {
  Embeddings out;
  out.vectors.resize(request.texts.size());
  Wanted wanted;
  for (std::size_t i = 0; i < request.texts.size(); ++i)
    wanted[cache->key_of(request.texts[i], request.role)].push_back(i);
  while (!wanted.empty()) wanted = co_await one_round(cache, request, std::move(wanted), out);
  co_return out;
}

}  // namespace

std::string embedder_fingerprint(const Embedder& embedder) {
  return std::format("{}|{}", embedder.model(), embedder.dimensions());
}

CachedEmbedder::CachedEmbedder(std::shared_ptr<Embedder> embedder, EmbeddingCacheOptions options)
    : impl_(std::make_shared<Impl>(std::move(embedder), options)) {}

std::string_view CachedEmbedder::model() const noexcept {
  return impl_->embedder()->model();
}

std::size_t CachedEmbedder::dimensions() const noexcept {
  return impl_->embedder()->dimensions();
}

Async<Embeddings> CachedEmbedder::embed(EmbedRequest request) {
  return embed_all(impl_, std::move(request));
}

EmbeddingCacheStats CachedEmbedder::stats() const {
  return impl_->stats();
}

}  // namespace dspy
