#pragma once

#include "dspy/lm/budget.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/middleware/breaker.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/hedge.hpp"
#include "dspy/lm/middleware/retry.hpp"
#include "dspy/lm/middleware/router.hpp"
#include "dspy/lm/middleware/timing.hpp"
#include "dspy/lm/prices.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dspy {

/// What the provider of the primary LM allows.
struct LimitOptions {
  std::optional<double> requests_per_minute = {};
  std::optional<double> tokens_per_minute = {};
  std::optional<int> burst = {};        ///< See `RateLimitOptions`.
  std::optional<int> concurrency = {};  ///< Requests under way at once; grows and shrinks with what the model bears.
  std::optional<std::uint64_t> token_budget_limit = {};  ///< Tokens for all requests together, fallbacks included.
};

/// What all requests may take together, fallbacks included.
struct BudgetOptions {
  std::shared_ptr<Budget> shared = {};  ///< With others: of a process, say.
  std::optional<std::uint64_t> requests = {};
  std::optional<std::uint64_t> tokens = {};
  std::optional<double> usd = {};
  std::optional<double> usd_per_day = {};
};

struct ResilientOptions {
  std::shared_ptr<LM> primary = {};
  std::vector<std::shared_ptr<LM>> fallbacks = {};                 ///< In this order, where one before cannot answer.
  std::vector<std::shared_ptr<LM>> context_window_fallbacks = {};  ///< Where the prompt is too long.
  std::vector<std::shared_ptr<LM>> content_policy_fallbacks = {};  ///< Where a model declines.
  RetryOptions retry = {};
  LimitOptions limits = {};
  CacheOptions cache = {};
  BudgetOptions budget = {};
  std::optional<BreakerOptions> breaker = BreakerOptions();  ///< One for each LM; unset: none.
  std::optional<HedgeOptions> hedge = {};                    ///< Unset: nothing is asked twice.
  RouterOptions routing = {};
  std::shared_ptr<const PriceTable> prices = {};  ///< Null: the built-in prices.
  Timing timing = {};
};

/// One LM with all the layers that production programs need, from the outside in: cache, hedge, retries, the choice of
/// a model, and around each model its budget, limits and breaker.  Throws `Error` (`config_error` or
/// `invalid_parameter`) for invalid options.
std::shared_ptr<LM> resilient(ResilientOptions options);

}  // namespace dspy
