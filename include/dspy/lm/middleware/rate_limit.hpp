#pragma once

#include "dspy/lm/middleware/guard.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace dspy {

/// How many requests and tokens a provider allows a minute.
struct RateLimitOptions {
  std::optional<double> requests_per_minute = {};
  std::optional<double> tokens_per_minute = {};  ///< Of prompts and replies.
  /// How many requests may be made at once before they are spaced out.  Unset: a second's worth, at least 1.
  std::optional<int> burst = {};
  /// A request that would have to wait longer is refused (`rate_limit_exceeded`, with `retry_after`).
  std::chrono::nanoseconds max_wait = std::chrono::minutes(10);
  std::uint64_t assumed_completion_tokens = 1'024;  ///< Set aside for a reply without `max_tokens`.
};

/// Throws `Error` (`invalid_parameter`) that names the first option outside its range.
void validate(const RateLimitOptions& options);

/// Spaces events evenly, with a burst allowed: the generic cell rate algorithm (ITU-T I.371) keeps one point in time,
/// the one at which the next event would come in a steady flow.
class Gcra {
 public:
  /// `burst` is at least 1.
  Gcra(std::chrono::nanoseconds interval, int burst) noexcept
      : interval_(interval), tolerance_(interval * (burst - 1)) {}

  /// When an event that comes at `now` may happen.
  Clock::Time next(Clock::Time now) const noexcept { return std::max(now, due_ - tolerance_); }
  void take(Clock::Time now) noexcept { due_ = std::max(now, due_) + interval_; }
  /// An event that was taken does not happen.
  void give_back() noexcept { due_ -= interval_; }

 private:
  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds tolerance_;
  Clock::Time due_ = Clock::Time::min() + std::chrono::hours(24 * 365 * 100);
};

/// A token bucket that fills evenly.  Tokens are reserved by an estimate and settled with the actual count, so the
/// level may drop below 0; requests then wait until it has recovered.
class TokenBucket {
 public:
  TokenBucket(double per_second, double capacity) noexcept
      : per_second_(per_second), capacity_(capacity), level_(capacity) {}

  /// When `tokens` are there, or as many as the bucket holds if that is less.
  Clock::Time next(double tokens, Clock::Time now) const noexcept;
  void take(double tokens, Clock::Time now) noexcept;
  void give_back(double tokens, Clock::Time now) noexcept { take(-tokens, now); }
  double level(Clock::Time now) const noexcept;

 private:
  double per_second_;
  double capacity_;
  double level_;
  std::optional<Clock::Time> filled_at_ = {};
};

/// Has requests wait in the order in which they come, until both limits allow them.
class RateLimit final : public Guard {
 public:
  explicit RateLimit(RateLimitOptions options);

  std::chrono::nanoseconds admit(const Request& request, Clock::Time now, Ticket& ticket) override;
  void settle(const Ticket& ticket, const Outcome& outcome) override;

 private:
  std::mutex mutex_;
  RateLimitOptions options_;
  std::optional<Gcra> requests_;
  std::optional<TokenBucket> tokens_;
};

}  // namespace dspy
