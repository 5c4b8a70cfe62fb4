#include "dspy/lm/budget.hpp"

#include "dspy/base/error.hpp"

#include <format>

namespace dspy {

void Budget::require() const {
  if (first_) first_->require();
  if (second_) second_->require();
  const std::lock_guard lock(mutex_);
  const auto check = [](const char* what, std::uint64_t used, std::optional<std::uint64_t> limit) {
    if (!limit || used < *limit) return;
    throw Error(Errc::token_budget_exhausted,
                std::format("the budget of {} {} is used up; give the program a larger one", *limit, what),
                {.used = used, .limit = limit});
  };
  check("requests", used_.requests, limits_.requests);
  check("tokens", used_.prompt_tokens.value_or(0) + used_.completion_tokens.value_or(0), limits_.tokens);
}

void Budget::spend(const Usage& usage) {
  if (first_) first_->spend(usage);
  if (second_) second_->spend(usage);
  const std::lock_guard lock(mutex_);
  used_ += usage;
}

Usage Budget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace dspy
