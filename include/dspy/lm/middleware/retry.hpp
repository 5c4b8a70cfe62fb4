#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/lm/middleware/stack.hpp"
#include "dspy/lm/middleware/timing.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace dspy {

/// When a request that failed is made again.
struct RetryOptions {
  int max_retries = 3;           ///< After the first attempt.  0 is never.
  int initial_backoff_ms = 100;  ///< The first wait is drawn from 0 to this; each next range is twice as wide.
  int max_backoff_ms = 5000;
  /// The longest wait that a provider may ask for (`ErrorInfo::retry_after`); if it asks for more, the call fails.
  int max_retry_after_ms = 60'000;
  /// Of the requests in the last ten seconds, so many may be retries, and `retry_floor` in any case: where everything
  /// fails, retries must not multiply the load.
  double retry_ratio = 0.1;
  int retry_floor = 3;
};

/// Throws `Error` (`invalid_parameter`) that names the first option outside its range.
void validate(const RetryOptions& options);

/// Whether the same request may succeed at another time, nothing of its reply having reached the caller.
bool is_worth_retrying(const Error& error) noexcept;

/// How many of the last ten seconds' requests may be retries.  Thread-safe.
class RetryBudget {
 public:
  RetryBudget(double ratio, int floor) noexcept : ratio_(ratio), floor_(floor) {}

  void count_request(Clock::Time now);
  /// Counts a retry, if there may be one.
  bool take(Clock::Time now);

 private:
  struct Second {
    std::int64_t number = -1;
    std::uint64_t requests = 0;
    std::uint64_t retries = 0;
  };

  Second& at(Clock::Time now);

  std::mutex mutex_;
  double ratio_;
  int floor_;
  std::array<Second, 10> seconds_ = {};
};

/// What one call does about its failures: full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015).
class RetryMachine {
 public:
  RetryMachine(const RetryOptions& options, RetryBudget& budget, Random random) noexcept
      : options_(options), budget_(&budget), random_(random) {}

  /// How long to wait before the next attempt; nothing if there is none.  `has_delivered`: part of the reply has
  /// reached the caller, so there must not be another one.
  std::optional<std::chrono::nanoseconds> after(const Error& error, bool has_delivered, Clock::Time now,
                                                const std::optional<Clock::Time>& deadline);
  int attempts() const noexcept { return attempts_; }

 private:
  RetryOptions options_;
  RetryBudget* budget_;
  Random random_;
  int attempts_ = 1;
};

/// Makes requests again that failed for a reason which may pass.  Never once a stream has delivered content.
/// `Reply::handling` and `Reply::usage` have all attempts.
Layer retrying(RetryOptions options = {}, Timing timing = {});

}  // namespace dspy
