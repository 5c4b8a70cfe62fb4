#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/usage.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace dspy {

/// A shared limit on the usage of calls: of a program, a process or a day.  Thread-safe.
///
/// Before a request, `reserve` sets aside the most that it may use, and refuses it if that exceeds the budget;
/// afterwards the actual usage is counted instead.  A budget is therefore not exceeded by requests that stay within
/// their claims.  `require` and `spend` are for callers that cannot bound a request's usage: their last requests may
/// exceed the limit.
class Budget {
 public:
  struct Limits {
    std::optional<std::uint64_t> requests = {};
    std::optional<std::uint64_t> tokens = {};      ///< Of prompts and replies.  An unknown count adds nothing.
    std::optional<std::int64_t> nanodollars = {};  ///< A request with an unknown price is refused.
    bool per_day = false;                          ///< What was used is forgotten at midnight, UTC.
  };

  /// The most that a request may take.  A price that is absent is unknown, which is not nothing.
  struct Claim {
    std::uint64_t requests = 1;
    std::uint64_t tokens = 0;
    std::optional<std::int64_t> nanodollars = {};
  };

  explicit Budget(Limits limits, const Clock& clock = Clock::real()) : limits_(limits), clock_(&clock) {}
  /// Bounded by both, and counts towards both.
  Budget(std::shared_ptr<Budget> a, std::shared_ptr<Budget> b) : first_(std::move(a)), second_(std::move(b)) {}

  /// Sets `claim` aside until `settle`.  Throws `Error` (`token_budget_exhausted`, with `used` and `limit`) if that
  /// much is not left.
  void reserve(const Claim& claim);
  /// Counts `used` instead of `claim`: tokens or money that `used` does not tell, as they were claimed.
  void settle(const Claim& claim, const Usage& used);

  /// Throws `Error` (`token_budget_exhausted`, with `used` and `limit`) if nothing is left.
  void require() const;
  void spend(const Usage& usage);
  Usage used() const;
  bool counts_money() const noexcept;
  bool counts_tokens() const noexcept;

 private:
  void begin_day() const;

  mutable std::mutex mutex_;
  Limits limits_ = {};
  const Clock* clock_ = nullptr;
  mutable Usage used_ = {};
  mutable std::uint64_t tokens_ = 0;       ///< Used; a reply without token counts counts as its claim.
  mutable std::int64_t nanodollars_ = 0;   ///< The same.
  mutable bool is_price_unknown_ = false;  ///< Something with an unknown price was spent.
  mutable std::chrono::sys_days day_ = {};
  std::uint64_t held_requests_ = 0, held_tokens_ = 0;
  std::int64_t held_nanodollars_ = 0;
  std::shared_ptr<Budget> first_, second_;
};

}  // namespace dspy
