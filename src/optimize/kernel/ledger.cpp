#include "dspy/optimize/kernel/ledger.hpp"

#include "dspy/base/error.hpp"

#include <cstdint>
#include <format>
#include <optional>
#include <string>

namespace dspy::optimize {
namespace {

std::uint64_t tokens_of(const Usage& usage) noexcept {
  if (const auto total = usage.total_tokens()) return *total;
  return usage.prompt_tokens.value_or(0) + usage.completion_tokens.value_or(0);
}

std::string dollars(std::int64_t nanodollars) {
  return std::format("${:.4f}", 1e-9 * static_cast<double>(nanodollars));
}

}  // namespace

Ledger::Ledger(Limits limits) : limits_(limits) {
  if (limits.requests == 0 || limits.tokens == 0 || limits.rollouts == 0 || limits.nanodollars.value_or(1) <= 0) {
    throw Error(Errc::invalid_parameter,
                "a budget of 0 allows nothing to be tried; leave the limit unset, or allow at least 1");
  }
}

bool Ledger::take_request() {
  const std::scoped_lock lock(mutex_);
  if (limits_.requests && used_.requests >= *limits_.requests) return false;
  if (limits_.tokens && tokens_of(used_) >= *limits_.tokens) return false;
  if (limits_.nanodollars && (is_price_unknown_ || nanodollars_ >= *limits_.nanodollars)) return false;
  ++used_.requests;
  return true;
}

bool Ledger::take_rollout() {
  const std::scoped_lock lock(mutex_);
  if (limits_.rollouts && rollouts_ >= *limits_.rollouts) return false;
  ++rollouts_;
  return true;
}

void Ledger::spend(const Usage& usage) {
  auto more = usage;
  more.requests = 0;  // it was counted when it was taken
  // Without a provider's own sum, which `Usage` keeps only where every part of a total has one.
  more.reported_total.reset();
  if (const auto total = usage.total_tokens(); total && !more.total_tokens()) more.prompt_tokens = total;
  const std::scoped_lock lock(mutex_);
  used_ += more;
  nanodollars_ += usage.cost_nanodollars.value_or(0);
  // A request that failed may have used nothing.
  const bool is_used = usage.requests > 0 || tokens_of(usage) > 0;
  is_price_unknown_ = is_price_unknown_ || (is_used && !usage.cost_nanodollars);
  // A sum of costs forgets what it knows when the requests were counted before.
  used_.cost_nanodollars = is_price_unknown_ ? std::nullopt : std::optional(nanodollars_);
}

std::string Ledger::exhausted() const {
  const std::scoped_lock lock(mutex_);
  if (limits_.requests && used_.requests >= *limits_.requests)
    return std::format("the budget of {} requests is used", *limits_.requests);
  if (limits_.tokens && tokens_of(used_) >= *limits_.tokens)
    return std::format("the budget of {} tokens is used ({})", *limits_.tokens, tokens_of(used_));
  if (limits_.nanodollars && is_price_unknown_)
    return std::format(
        "the budget of {} cannot be kept, since the price of a model is unknown; limit requests or tokens",
        dollars(*limits_.nanodollars));
  if (limits_.nanodollars && nanodollars_ >= *limits_.nanodollars)
    return std::format("the budget of {} is used ({})", dollars(*limits_.nanodollars), dollars(nanodollars_));
  if (limits_.rollouts && rollouts_ >= *limits_.rollouts)
    return std::format("the budget of {} runs of the program is used", *limits_.rollouts);
  return {};
}

bool Ledger::is_overdrawn() const {
  const std::scoped_lock lock(mutex_);
  return (limits_.tokens && tokens_of(used_) > *limits_.tokens) ||
         (limits_.nanodollars && nanodollars_ > *limits_.nanodollars);
}

Usage Ledger::used() const {
  const std::scoped_lock lock(mutex_);
  return used_;
}

std::uint64_t Ledger::rollouts() const {
  const std::scoped_lock lock(mutex_);
  return rollouts_;
}

}  // namespace dspy::optimize
