#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/usage.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace dspy {

/// What calls may use together: of a program, a process or a day.  Thread-safe.
///
/// Before a request, `reserve` sets aside the most that it may take, and refuses it if that is not left; afterwards
/// what it took is counted instead.  So a budget is not overshot by requests that keep to what they claimed.  `require`
/// and `spend` are for callers who cannot say what a request may take: their last ones may go past the limit.
class Budget {
 public:
  struct Limits {
    std::optional<std::uint64_t> requests = {};
    std::optional<std::uint64_t> tokens = {};      ///< Of prompts and replies.  A count that nobody gave adds nothing.
    std::optional<std::int64_t> nanodollars = {};  ///< A request whose price nobody knows is refused.
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
  mutable std::uint64_t tokens_ = 0;       ///< Used; a reply that did not tell its tokens counts as what it claimed.
  mutable std::int64_t nanodollars_ = 0;   ///< The same.
  mutable bool is_price_unknown_ = false;  ///< Something was spent whose price nobody knows.
  mutable std::chrono::sys_days day_ = {};
  std::uint64_t held_requests_ = 0, held_tokens_ = 0;
  std::int64_t held_nanodollars_ = 0;
  std::shared_ptr<Budget> first_, second_;
};

}  // namespace dspy
