#pragma once

#include "dspy/base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dspy::server {

/// So many a minute for each name: a bucket that holds a minute's worth and fills evenly.  No I/O; for one thread at a
/// time.  Names that ask nothing for a minute are forgotten, and beyond `max_names` the fullest buckets are.
class RateGate {
 public:
  explicit RateGate(std::size_t max_names = 10'000) : max_names_(max_names) {}

  /// Takes one, or says when there will be one.
  std::optional<std::chrono::milliseconds> take(const std::string& name, double per_minute, Clock::Time now);
  /// Whether there is one, without taking it.
  std::optional<std::chrono::milliseconds> look(const std::string& name, double per_minute, Clock::Time now) const;

 private:
  struct Bucket {
    double left = 0;
    Clock::Time at = {};
  };

  static double filled(const Bucket& bucket, double per_minute, Clock::Time now);
  void make_room(double per_minute, Clock::Time now);

  std::size_t max_names_;
  std::unordered_map<std::string, Bucket> buckets_;
};

/// The address that failures are counted by: an IPv6 network of 64 bits counts as one.
std::string peer_group(std::string_view peer);

}  // namespace dspy::server
