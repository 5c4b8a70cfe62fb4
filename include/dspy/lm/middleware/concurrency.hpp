#pragma once

#include "dspy/base/error.hpp"
#include "dspy/lm/middleware/stack.hpp"

#include <algorithm>
#include <cstddef>

namespace dspy {

/// How many requests a model is asked at once.
struct ConcurrencyOptions {
  int start = 20;
  int min = 1;
  int max = 1'000;                ///< `min` = `start` = `max` is a fixed number.
  double decrease = 0.9;          ///< What the limit is multiplied by when the model says that it is overloaded.
  std::size_t max_queue = 1'000;  ///< A request that finds more waiting is refused (`rate_limit_exceeded`).
};

/// Throws `Error` (`invalid_parameter`) that names the first option outside its range.
void validate(const ConcurrencyOptions& options);

/// Additive increase, multiplicative decrease (Chiu and Jain 1989): one more once as many requests have ended well as
/// the limit allows and it was reached, a tenth fewer when one ends in `rate_limit_exceeded`, `unavailable` or
/// `timeout`; at most once for the requests that were under way together.
class ConcurrencyLimit {
 public:
  explicit ConcurrencyLimit(const ConcurrencyOptions& options) : options_(options), limit_(options.start) {
    validate(options);
  }

  int limit() const noexcept { return static_cast<int>(limit_); }
  /// `was_full`: the concurrency limit was reached.
  void count_success(bool was_full) noexcept {
    if (since_decrease_ > 0) --since_decrease_;
    if (!was_full || ++successes_ < limit()) return;
    successes_ = 0;
    limit_ = std::min<double>(limit() + 1, options_.max);
  }
  void count_overload(int in_flight) noexcept {
    successes_ = 0;
    if (since_decrease_ > 0) {
      --since_decrease_;
      return;
    }
    limit_ = std::max<double>(limit_ * options_.decrease, options_.min);
    since_decrease_ = in_flight;
  }

 private:
  ConcurrencyOptions options_;
  double limit_;
  int successes_ = 0;
  int since_decrease_ = 0;  ///< Requests still under way that were so at the last decrease.
};

/// Has no more requests under way than the limit; the others wait in turn.
Layer concurrent(ConcurrencyOptions options = {});

}  // namespace dspy
