#pragma once

#include "dspy/base/clock.hpp"

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace dspy::server {

/// How many requests each address may make: a bucket of `per_second` tokens that is filled at that rate.  Remembers a
/// bounded number of addresses.  Thread-safe.
class PeerRates {
 public:
  explicit PeerRates(double per_second, const Clock& clock = Clock::real()) : per_second_(per_second), clock_(clock) {}

  /// Whether the address may ask now.
  bool take(std::string_view peer);

 private:
  struct Bucket {
    double tokens = 0;
    Clock::Time at = {};
  };

  static constexpr std::size_t most_peers = 10'000;

  double per_second_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace dspy::server
