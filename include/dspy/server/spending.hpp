#pragma once

#include "dspy/lm/budget.hpp"
#include "dspy/server/http.hpp"

#include <memory>
#include <string_view>

namespace dspy::server {

/// What keys may use and spend.  Calls may come from any thread.
class Spending {
 public:
  virtual ~Spending() = default;

  /// Whether the caller's key is for the program or model of that name.  Its scopes are looked at elsewhere.
  virtual bool may_use(const Caller& caller, std::string_view name) const = 0;
  /// What one request of the caller may spend, which is counted when the budget's last owner has gone.  Null where
  /// nothing is counted.  Throws `Error` (`token_budget_exhausted`) for a key that has spent all.
  virtual std::shared_ptr<Budget> charge(const Caller& caller) = 0;
};

/// Whether the key's scopes allow the model.  A key that names models by scopes `model:NAME` (`*` at the end stands for
/// any rest) may use those alone; one that names none may use all.
bool may_use(const Caller& caller, std::string_view model) noexcept;

}  // namespace dspy::server
