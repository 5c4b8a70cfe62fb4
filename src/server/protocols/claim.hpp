#pragma once

#include "dspy/base/usage.hpp"
#include "dspy/lm/budget.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace dspy::server {

/// A budget claim for work without an LM in front of it: reserved on construction, and replaced by the actual usage
/// with `settle`.  If abandoned, the whole claim counts.
class Claim {
 public:
  /// `budget` may be null.  The model's price is looked up where money is limited.  Throws `Error`
  /// (`token_budget_exhausted`) if that much is not left.
  Claim(std::shared_ptr<Budget> budget, std::string_view model, std::uint64_t prompt_tokens,
        std::uint64_t completion_tokens = 0);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  void settle(const Usage& used);

 private:
  std::shared_ptr<Budget> budget_;
  Budget::Claim claim_ = {};
};

}  // namespace dspy::server
