#pragma once

#include "dspy/base/usage.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace dspy {

/// What calls may use together.  Thread-safe.
///
/// A request is made only while something is left; the last ones may go past the limit, as what a reply takes is known
/// when it is there.
class Budget {
 public:
  struct Limits {
    std::optional<std::uint64_t> requests = {};
    std::optional<std::uint64_t> tokens = {};  ///< Of prompts and replies.  A count that nobody gave adds nothing.
  };

  explicit Budget(Limits limits) : limits_(limits) {}
  /// Bounded by both, and counts towards both.
  Budget(std::shared_ptr<Budget> a, std::shared_ptr<Budget> b) : first_(std::move(a)), second_(std::move(b)) {}

  /// Throws `Error` (`token_budget_exhausted`, with `used` and `limit`) if nothing is left.
  void require() const;
  void spend(const Usage& usage);
  Usage used() const;

 private:
  mutable std::mutex mutex_;
  Limits limits_ = {};
  Usage used_ = {};
  std::shared_ptr<Budget> first_, second_;
};

}  // namespace dspy
