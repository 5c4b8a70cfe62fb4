#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/server/keys/key.hpp"
#include "server/keys/key_rows.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

namespace dspy::server {

/// The budgets of key families while requests are under way.  When none is, the next one begins from what the file
/// says, which other processes add to.  For one thread at a time.
class SpendingBudgets {
 public:
  explicit SpendingBudgets(const Clock& clock) : clock_(&clock) {}

  /// Throws `HttpError` (429) that says when more may be spent if nothing is left.
  std::shared_ptr<Budget> begin(const Key& key, const Period& period, const KeySpending& spent);
  void end(const std::string& family);

 private:
  struct Open {
    std::shared_ptr<Budget> budget;
    Period period;
    KeyLimits limits;
    std::size_t under_way = 0;
  };

  const Clock* clock_;
  std::unordered_map<std::string, Open> open_;
};

}  // namespace dspy::server
