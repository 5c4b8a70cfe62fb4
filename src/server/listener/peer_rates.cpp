#include "server/listener/peer_rates.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace dspy::server {

bool PeerRates::take(std::string_view peer) {
  if (per_second_ <= 0) return true;
  const auto now = clock_.now();
  const std::lock_guard lock(mutex_);
  const auto most = std::max(1.0, per_second_);
  if (buckets_.size() >= most_peers) {
    // Those that are full again need not be remembered.
    std::erase_if(buckets_, [&](const auto& each) {
      return each.second.tokens + per_second_ * std::chrono::duration<double>(now - each.second.at).count() >= most;
    });
    if (buckets_.size() >= most_peers && !buckets_.contains(peer)) return false;
  }
  auto it = buckets_.find(peer);
  if (it == buckets_.end()) it = buckets_.emplace(std::string(peer), Bucket{.tokens = most, .at = now}).first;
  auto& bucket = it->second;
  bucket.tokens = std::min(most, bucket.tokens + per_second_ * std::chrono::duration<double>(now - bucket.at).count());
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace dspy::server
