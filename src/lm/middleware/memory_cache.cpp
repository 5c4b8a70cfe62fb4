#include "lm/middleware/memory_cache.hpp"

#include "dspy/lm/estimate.hpp"

#include <iterator>
#include <utility>

namespace dspy {
namespace {

/// About the memory that an entry takes; what its request shares with others is counted as if it did not.
std::size_t size_of(const Question& question, const Reply& reply) {
  constexpr std::size_t fixed = sizeof(Request) + sizeof(Reply) + sizeof(Question) + 256;
  constexpr std::size_t per_token = sizeof(TokenLogprob) + 32;
  auto bytes = fixed + static_cast<std::size_t>(text_bytes(*question.request));
  for (const auto& completion : reply.completions) {
    bytes += sizeof(Completion) + completion.text.size() + completion.reasoning.size();
    for (const auto& token : completion.logprobs) bytes += per_token * (1 + token.top.size());
  }
  return bytes;
}

}  // namespace

MemoryCache::Entries::iterator MemoryCache::Shard::find(const Question& question) {
  const auto [begin, end] = by_hash.equal_range(question.hash);
  for (auto at = begin; at != end; ++at) {
    if (at->second->question == question) return at->second;
  }
  return entries.end();
}

void MemoryCache::Shard::drop(Entries::iterator entry) {
  const auto [begin, end] = by_hash.equal_range(entry->question.hash);
  for (auto at = begin; at != end; ++at) {
    if (at->second != entry) continue;
    by_hash.erase(at);
    break;
  }
  bytes -= entry->bytes;
  entries.erase(entry);
}

std::shared_ptr<const Reply> MemoryCache::find(const Question& question, CacheTime now) {
  auto& shard = shard_of(question);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.find(question);
  if (found == shard.entries.end()) {
    ++shard.misses;
    return {};
  }
  if (found->kept.expires && *found->kept.expires <= now) {
    shard.drop(found);
    ++shard.misses;
    return {};
  }
  ++shard.hits;
  shard.entries.splice(shard.entries.begin(), shard.entries, found);
  return found->kept.reply;
}

void MemoryCache::put(const Question& question, Kept kept) {
  const auto bytes = size_of(question, *kept.reply);
  if (bytes > max_shard_bytes_) return;
  auto& shard = shard_of(question);
  const std::lock_guard lock(shard.mutex);
  if (const auto old = shard.find(question); old != shard.entries.end()) shard.drop(old);
  shard.entries.push_front({.question = question, .kept = std::move(kept), .bytes = bytes});
  shard.by_hash.emplace(question.hash, shard.entries.begin());
  shard.bytes += bytes;
  ++shard.writes;
  while (shard.bytes > max_shard_bytes_) shard.drop(std::prev(shard.entries.end()));
}

std::size_t MemoryCache::erase(const CacheFilter& filter, CacheTime now) {
  std::size_t erased = 0;
  for (auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto at = shard.entries.begin(); at != shard.entries.end();) {
      const auto entry = at++;
      const bool fits = (filter.model.empty() || filter.model == entry->kept.model) &&
                        (filter.program.empty() || filter.program == entry->kept.program) &&
                        (!filter.older_than || entry->kept.created < now - *filter.older_than);
      if (!fits) continue;
      shard.drop(entry);
      ++erased;
    }
  }
  return erased;
}

CacheStats MemoryCache::stats() const {
  CacheStats all;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    all.entries += shard.entries.size();
    all.bytes += shard.bytes;
    all.hits += shard.hits;
    all.misses += shard.misses;
    all.writes += shard.writes;
  }
  return all;
}

}  // namespace dspy
