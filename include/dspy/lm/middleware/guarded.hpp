#pragma once

#include "dspy/lm/budget.hpp"
#include "dspy/lm/middleware/breaker.hpp"
#include "dspy/lm/middleware/guard.hpp"
#include "dspy/lm/middleware/rate_limit.hpp"
#include "dspy/lm/middleware/stack.hpp"
#include "dspy/lm/middleware/timing.hpp"
#include "dspy/lm/prices.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace dspy {

/// Applies a budget: the most that a request may use is reserved before it is sent, so concurrent requests cannot
/// exceed it.
class BudgetGuard final : public Guard {
 public:
  /// `model` is looked up in `prices`, where the budget is one of money.
  BudgetGuard(std::shared_ptr<Budget> budget, const std::shared_ptr<const PriceTable>& prices, std::string_view model,
              std::uint64_t assumed_completion_tokens = 4'096);

  std::chrono::nanoseconds admit(const Request& request, Clock::Time now, Ticket& ticket) override;
  void settle(const Ticket& ticket, const Outcome& outcome) override;

 private:
  std::shared_ptr<Budget> budget_;
  std::optional<Price> price_;
  std::uint64_t assumed_completion_tokens_;
};

/// What `guarded` puts around an LM.
struct Guards {
  std::vector<std::shared_ptr<Guard>> guards = {};  ///< Asked in this order.
  std::shared_ptr<const PriceTable> prices = {};    ///< Where set, replies get their cost, if they have none.
};

/// Asks guards before each request, waits as long as they say, and tells them how it ended: one coroutine for all.
/// Each LM that it is put around has the same guards.
Layer guarded(Guards guards, Timing timing = {});

/// Guards for one thing each.
Layer limited(RateLimitOptions options, Timing timing = {});
Layer breaking(BreakerOptions options = {}, Timing timing = {});
Layer budgeted(std::shared_ptr<Budget> budget, std::shared_ptr<const PriceTable> prices = {}, Timing timing = {});
Layer priced(std::shared_ptr<const PriceTable> prices = {}, Timing timing = {});

}  // namespace dspy
