#include "dspy/lm/middleware/resilient.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/middleware/concurrency.hpp"
#include "dspy/lm/middleware/guarded.hpp"
#include "dspy/lm/middleware/rate_limit.hpp"
#include "dspy/lm/middleware/stack.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

std::optional<std::int64_t> nanodollars(const std::optional<double>& dollars, std::string_view name) {
  if (!dollars) return {};
  if (!(*dollars > 0 && *dollars < 9e9))
    throw Error(Errc::invalid_parameter,
                std::format("the budget `{}` is {} US dollars; it must be more than 0", name, *dollars));
  return std::llround(*dollars * 1e9);
}

std::shared_ptr<Budget> both(std::shared_ptr<Budget> a, std::shared_ptr<Budget> b) {
  if (!a || !b) return a ? a : b;
  return std::make_shared<Budget>(std::move(a), std::move(b));
}

void require_some(const std::optional<std::uint64_t>& limit, std::string_view name) {
  if (limit == 0)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is 0, which allows no request; leave it out, or raise it", name));
}

std::shared_ptr<Budget> budget_of(const ResilientOptions& options) {
  const auto& asked = options.budget;
  require_some(asked.requests, "budget.requests");
  require_some(asked.tokens, "budget.tokens");
  require_some(options.limits.token_budget_limit, "limits.token_budget_limit");
  auto tokens = asked.tokens;
  if (options.limits.token_budget_limit)
    tokens = std::min(tokens.value_or(*options.limits.token_budget_limit), *options.limits.token_budget_limit);
  auto out = asked.shared;
  const auto total = nanodollars(asked.usd, "usd");
  if (asked.requests || tokens || total)
    out = both(std::move(out), std::make_shared<Budget>(
                                   Budget::Limits{.requests = asked.requests, .tokens = tokens, .nanodollars = total},
                                   *options.timing.clock));
  if (const auto daily = nanodollars(asked.usd_per_day, "usd_per_day"))
    out = both(std::move(out),
               std::make_shared<Budget>(Budget::Limits{.nanodollars = daily, .per_day = true}, *options.timing.clock));
  return out;
}

/// Puts around models what each of them needs.
class Keeper {
 public:
  explicit Keeper(const ResilientOptions& options) : options_(options), budget_(budget_of(options)) {}

  std::shared_ptr<LM> keep(std::shared_ptr<LM> lm, bool is_primary) const {
    if (!lm)
      throw Error(Errc::config_error, is_primary ? "`primary` is missing: the LM to ask, such as dspy::lm(…)"
                                                 : "one of the fallbacks is not an LM; leave it out");
    Guards guards{.prices = options_.prices};
    if (budget_) guards.guards.push_back(std::make_shared<BudgetGuard>(budget_, options_.prices, lm->model()));
    const auto& limits = options_.limits;
    if (is_primary && (limits.requests_per_minute || limits.tokens_per_minute)) {
      guards.guards.push_back(
          std::make_shared<RateLimit>(RateLimitOptions{.requests_per_minute = limits.requests_per_minute,
                                                       .tokens_per_minute = limits.tokens_per_minute,
                                                       .burst = limits.burst}));
    }
    if (options_.breaker) guards.guards.push_back(std::make_shared<Breaker>(*options_.breaker, lm->model()));
    std::vector<Layer> layers;
    if (is_primary && limits.concurrency) {
      const auto start = std::min(*limits.concurrency, ConcurrencyOptions().start);
      layers.push_back(concurrent({.start = start, .max = *limits.concurrency}));
    }
    layers.push_back(guarded(std::move(guards), options_.timing));
    return stack(std::move(lm), layers);
  }

 private:
  const ResilientOptions& options_;
  std::shared_ptr<Budget> budget_;
};

}  // namespace

std::shared_ptr<LM> resilient(ResilientOptions options) {
  validate(options.retry);
  validate(options.cache);
  if (!options.prices) options.prices = builtin_prices();
  const Keeper keeper(options);
  std::vector<Route> routes{{.lm = keeper.keep(options.primary, true)}};
  const auto add = [&](const std::vector<std::shared_ptr<LM>>& lms, Route::Use use) {
    for (const auto& lm : lms) routes.push_back({.lm = keeper.keep(lm, false), .use = use});
  };
  add(options.fallbacks, Route::Use::always);
  add(options.context_window_fallbacks, Route::Use::context_too_long);
  add(options.content_policy_fallbacks, Route::Use::refused);

  auto lm = routes.size() == 1 ? std::move(routes.front().lm)
                               : router(std::move(routes), options.routing, options.prices, options.timing);
  std::vector<Layer> layers;
  if (options.cache.is_on()) layers.push_back(cached(std::move(options.cache)));
  if (options.hedge) layers.push_back(hedged(*options.hedge, options.timing));
  if (options.retry.max_retries > 0) layers.push_back(retrying(options.retry, options.timing));
  return stack(std::move(lm), layers);
}

}  // namespace dspy
