#include "server/keys/spending.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/server/routes.hpp"
#include "server/keys/key_rows.hpp"

#include <chrono>
#include <concepts>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

template <std::integral T>
std::optional<T> left(std::optional<T> limit, T used) {
  return limit ? std::optional(static_cast<T>(*limit > used ? *limit - used : 0)) : std::nullopt;
}

HttpError used_up(std::string_view what, std::chrono::system_clock::duration wait) {
  return {429,
          Errc::token_budget_exhausted,
          std::format("the key's budget of this {} is used up", what),
          {.retry_after = std::chrono::ceil<std::chrono::milliseconds>(wait)}};
}

void require_some(const Budget::Limits& day, const Budget::Limits& month, std::chrono::system_clock::time_point now) {
  const auto is_empty = [](const Budget::Limits& limits) { return limits.tokens == 0U || limits.nanodollars == 0; };
  const auto today = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(today);
  const std::chrono::sys_days next_month((date.year() / date.month() + std::chrono::months(1)) / 1);
  if (is_empty(month)) throw used_up("month", next_month - now);
  if (is_empty(day)) throw used_up("day", today + std::chrono::days(1) - now);
}

}  // namespace

std::shared_ptr<Budget> SpendingBudgets::begin(const Key& key, const Period& period, const KeySpending& spent) {
  const Budget::Limits day{.tokens = left(key.limits.tokens_per_day, spent.tokens_today),
                           .nanodollars = left(key.limits.nanodollars_per_day, spent.nanodollars_today)};
  const Budget::Limits month{.tokens = left(key.limits.tokens_per_month, spent.tokens_this_month),
                             .nanodollars = left(key.limits.nanodollars_per_month, spent.nanodollars_this_month)};
  require_some(day, month, clock_->wall());
  auto& open = open_[key.family];
  // Budgets of another day or limit end with the requests that hold them.
  if (open.under_way == 0 || open.period != period || open.limits != key.limits) {
    open.budget =
        std::make_shared<Budget>(std::make_shared<Budget>(day, *clock_), std::make_shared<Budget>(month, *clock_));
    open.period = period;
    open.limits = key.limits;
  }
  ++open.under_way;
  return open.budget;
}

void SpendingBudgets::end(const std::string& family) {
  const auto found = open_.find(family);
  if (found == open_.end()) return;
  if (--found->second.under_way == 0) open_.erase(found);
}

}  // namespace dspy::server
