#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/lm/middleware/stack.hpp"
#include "dspy/lm/middleware/timing.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>

namespace dspy {

/// A second request for an answer that is late; the first of the two answers counts (Dean and Barroso, "The Tail at
/// Scale", 2013).  Both are billed, so it is for those who ask for it.
struct HedgeOptions {
  /// The delay.  Unset: the 95th percentile of response times, at least a second; no hedging before 20 answers.
  std::optional<std::chrono::nanoseconds> delay = {};
  double max_ratio = 0.05;         ///< Of the last hundred requests, no more than this share is asked twice.
  std::shared_ptr<LM> other = {};  ///< Who is asked the second time.  Null: the same.
};

/// Decides when a second request is made.  Thread-safe.
class HedgeMachine {
 public:
  explicit HedgeMachine(const HedgeOptions& options);

  /// How long to wait for the first answer; nothing: for ever.
  std::optional<std::chrono::nanoseconds> delay() const;
  void count_request();
  /// Counts a second request, if there may be one.
  bool take();
  void count_answer(std::chrono::nanoseconds time);

 private:
  static constexpr std::size_t remembered = 128;

  mutable std::mutex mutex_;
  std::optional<std::chrono::nanoseconds> fixed_;
  double max_ratio_;
  double allowance_ = 1;  ///< Second requests there may be: grows with each first one.
  std::array<std::chrono::nanoseconds, remembered> times_ = {};
  std::size_t answers_ = 0;
};

/// Sends a second request when an answer is late.  Streams are not hedged.  The reply's usage includes both requests,
/// as far as known.
Layer hedged(HedgeOptions options = {}, Timing timing = {});

}  // namespace dspy
