#include "server/keys/rate_gate.hpp"

#include "dspy/base/clock.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

/// Until a bucket has one again.
std::optional<std::chrono::milliseconds> wait_for_one(double left, double per_minute) {
  if (left >= 1) return std::nullopt;
  constexpr double minute = 60'000;
  return std::chrono::milliseconds(static_cast<long long>(std::ceil((1 - left) / std::max(per_minute, 1e-6) * minute)));
}

}  // namespace

double RateGate::filled(const Bucket& bucket, double per_minute, Clock::Time now) {
  const auto minutes = std::chrono::duration<double, std::ratio<60>>(now - bucket.at).count();
  return std::min(per_minute, bucket.left + std::max(minutes, 0.0) * per_minute);
}

std::optional<std::chrono::milliseconds> RateGate::look(const std::string& name, double per_minute,
                                                        Clock::Time now) const {
  const auto found = buckets_.find(name);
  return wait_for_one(found == buckets_.end() ? per_minute : filled(found->second, per_minute, now), per_minute);
}

std::optional<std::chrono::milliseconds> RateGate::take(const std::string& name, double per_minute, Clock::Time now) {
  if (buckets_.size() >= max_names_ && !buckets_.contains(name)) make_room(per_minute, now);
  auto& bucket = buckets_.try_emplace(name, Bucket{.left = per_minute, .at = now}).first->second;
  bucket = {.left = filled(bucket, per_minute, now), .at = now};
  const auto wait = wait_for_one(bucket.left, per_minute);
  if (!wait) bucket.left -= 1;
  return wait;
}

void RateGate::make_room(double per_minute, Clock::Time now) {
  std::erase_if(buckets_, [&](const auto& each) { return now - each.second.at >= std::chrono::minutes(1); });
  while (buckets_.size() >= max_names_) {
    buckets_.erase(
        std::ranges::max_element(buckets_, {}, [&](const auto& each) { return filled(each.second, per_minute, now); }));
  }
}

std::string peer_group(std::string_view peer) {
  boost::system::error_code code;
  const auto address = boost::asio::ip::make_address(peer, code);
  if (code || address.is_v4()) return std::string(peer);
  auto bytes = address.to_v6().to_bytes();
  if (address.to_v6().is_v4_mapped()) return std::string(peer);
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string();
}

}  // namespace dspy::server
