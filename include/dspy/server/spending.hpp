#pragma once

#include "dspy/base/usage.hpp"
#include "dspy/server/http.hpp"

#include <memory>
#include <string_view>

namespace dspy::server {

/// What keys may spend, and have spent.  Calls may come from any thread.
class Spending {
 public:
  virtual ~Spending() = default;

  /// Before a model is asked.  Throws `Error`: `token_budget_exhausted` for a key whose budget is spent,
  /// `rate_limit_exceeded` (with `retry_after`) for one that asks too often.
  virtual void require(const Caller& caller, std::string_view model) = 0;
  /// After it, also where the request failed on the way.
  virtual void record(const Caller& caller, std::string_view model, const Usage& usage) = 0;
};

/// Whether the key's scopes allow the model.  A key that names models by scopes `model:NAME` (`*` at the end stands for
/// any rest) may use those alone; one that names none may use all.
bool may_use(const Caller& caller, std::string_view model) noexcept;

}  // namespace dspy::server
