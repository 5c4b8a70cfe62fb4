#include "dspy/lm/budget.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <format>

namespace dspy {
namespace {

std::uint64_t tokens_of(const Usage& usage) noexcept {
  return usage.prompt_tokens.value_or(0) + usage.completion_tokens.value_or(0);
}

bool tells_tokens(const Usage& usage) noexcept {
  return usage.requests == 0 || (usage.prompt_tokens && usage.completion_tokens);
}

std::string as_money(std::int64_t nanodollars) {
  return std::format("{:.6f} US dollars", static_cast<double>(nanodollars) / 1e9);
}

template <std::integral T>
std::string words(T amount, const char* what) {
  if constexpr (std::is_signed_v<T>) {
    return as_money(amount);
  } else {
    return std::format("{} {}", amount, what);
  }
}

template <std::integral T>
[[noreturn]] void refuse(T used, T limit, std::string message) {
  throw Error(Errc::token_budget_exhausted, message,
              {.used = static_cast<std::uint64_t>(used), .limit = static_cast<std::uint64_t>(limit)});
}

[[noreturn]] void refuse_unknown_price(std::int64_t limit) {
  throw Error(Errc::token_budget_exhausted,
              std::format("a budget of {} cannot be enforced for a model whose price is unknown; add its price to a "
                          "price file, or remove the cost limit",
                          as_money(limit)));
}

/// Without overflow, whatever the limit is.
template <std::integral T>
void check_claim(const char* what, T used, T held, T claim, std::optional<T> limit) {
  if (!limit) return;
  const auto left = used >= *limit ? T(0) : static_cast<T>(*limit - used);
  if (held <= left && claim <= left - held) return;
  if (left == 0)
    refuse(used, *limit, std::format("the budget of {} is used up; give a larger one", words(*limit, what)));
  refuse(used, *limit,
         std::format("of the budget of {}, {} are used and {} are reserved for requests in progress, and this request "
                     "may use {}; shorten its prompt, lower its max_tokens, or raise the budget",
                     words(*limit, what), words(used, what), words(held, what), words(claim, what)));
}

}  // namespace

void Budget::begin_day() const {
  if (!limits_.per_day) return;
  const auto today = std::chrono::floor<std::chrono::days>(clock_->wall());
  if (today <= day_) return;  // a clock that was set back does not give a day out twice
  day_ = today;
  used_ = {};
  tokens_ = 0;
  nanodollars_ = 0;
  is_price_unknown_ = false;
}

void Budget::reserve(const Claim& claim) {
  if (first_) {
    first_->reserve(claim);
    try {
      second_->reserve(claim);
    } catch (...) {
      first_->settle(claim, {});
      throw;
    }
    return;
  }
  const std::lock_guard lock(mutex_);
  begin_day();
  if (limits_.nanodollars && !claim.nanodollars) refuse_unknown_price(*limits_.nanodollars);
  check_claim("requests", used_.requests, held_requests_, claim.requests, limits_.requests);
  check_claim("tokens", tokens_, held_tokens_, claim.tokens, limits_.tokens);
  check_claim("", nanodollars_, held_nanodollars_, claim.nanodollars.value_or(0), limits_.nanodollars);
  held_requests_ += claim.requests;
  held_tokens_ += claim.tokens;
  held_nanodollars_ += claim.nanodollars.value_or(0);
}

void Budget::settle(const Claim& claim, const Usage& used) {
  if (first_) {
    first_->settle(claim, used);
    second_->settle(claim, used);
  }
  const std::lock_guard lock(mutex_);
  begin_day();
  if (!first_) {
    held_requests_ -= claim.requests;
    held_tokens_ -= claim.tokens;
    held_nanodollars_ -= claim.nanodollars.value_or(0);
  }
  used_ += used;
  tokens_ += tells_tokens(used) ? tokens_of(used) : std::max(claim.tokens, tokens_of(used));
  nanodollars_ += used.cost_nanodollars.value_or(used.requests == 0 ? 0 : claim.nanodollars.value_or(0));
}

void Budget::require() const {
  if (first_) {
    first_->require();
    second_->require();
    return;
  }
  const std::lock_guard lock(mutex_);
  begin_day();
  const auto check = [](const char* what, auto used, auto limit) {
    if (!limit || used < *limit) return;
    refuse(used, *limit,
           std::format("the budget of {} is used up; give the program a larger one", words(*limit, what)));
  };
  check("requests", used_.requests, limits_.requests);
  check("tokens", tokens_, limits_.tokens);
  if (limits_.nanodollars && is_price_unknown_) refuse_unknown_price(*limits_.nanodollars);
  check("", nanodollars_, limits_.nanodollars);
}

void Budget::spend(const Usage& usage) {
  if (first_) {
    first_->spend(usage);
    second_->spend(usage);
  }
  const std::lock_guard lock(mutex_);
  begin_day();
  used_ += usage;
  tokens_ += tokens_of(usage);
  nanodollars_ += usage.cost_nanodollars.value_or(0);
  is_price_unknown_ = is_price_unknown_ || (usage.requests != 0 && !usage.cost_nanodollars);
}

Usage Budget::used() const {
  const std::lock_guard lock(mutex_);
  begin_day();
  return used_;
}

bool Budget::counts_money() const noexcept {
  return first_ ? first_->counts_money() || second_->counts_money() : limits_.nanodollars.has_value();
}

bool Budget::counts_tokens() const noexcept {
  return first_ ? first_->counts_tokens() || second_->counts_tokens() : limits_.tokens.has_value();
}

}  // namespace dspy
