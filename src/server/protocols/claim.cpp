#include "server/protocols/claim.hpp"

#include "dspy/base/usage.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/prices.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy::server {

Claim::Claim(std::shared_ptr<Budget> budget, std::string_view model, std::uint64_t prompt_tokens,
             std::uint64_t completion_tokens)
    : budget_(std::move(budget)), claim_{.tokens = prompt_tokens + completion_tokens} {
  if (!budget_) return;
  if (budget_->counts_money())
    if (const auto price = builtin_prices()->find(model))
      claim_.nanodollars = highest_cost(*price, prompt_tokens, completion_tokens);
  budget_->reserve(claim_);
}

Claim::~Claim() {
  if (budget_) budget_->settle(claim_, {.requests = 1});
}

void Claim::settle(const Usage& used) {
  if (!budget_) return;
  auto counted = used;
  counted.requests = std::max<std::uint64_t>(counted.requests, 1);
  std::exchange(budget_, nullptr)->settle(claim_, counted);
}

}  // namespace dspy::server
