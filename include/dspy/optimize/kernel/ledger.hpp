#pragma once

#include "dspy/base/usage.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace dspy::optimize {

/// An optimizer's usage and limits.  Thread-safe.
///
/// Requests are counted before they are sent, so the limit is never exceeded.  A request's tokens and its cost are
/// known only afterwards: their limits are checked before each request, and an evaluation that exceeds one does not
/// count.
class Ledger {
 public:
  struct Limits {
    std::optional<std::uint64_t> requests = {};
    std::optional<std::uint64_t> tokens = {};    ///< Of prompts and replies.  An unknown count adds nothing.
    std::optional<std::uint64_t> rollouts = {};  ///< Runs of the program on an example.
    /// A model whose price is unknown ends the search.
    std::optional<std::int64_t> nanodollars = {};
  };

  Ledger() = default;
  /// Throws `Error` (`invalid_parameter`) for a limit of 0.
  explicit Ledger(Limits limits);

  /// Each takes one if there is one left.
  bool take_request();
  bool take_rollout();
  /// What a reply took; its request was counted when it was taken.
  void spend(const Usage& usage);

  /// Why nothing more may be done, a sentence; empty while something may.
  std::string exhausted() const;
  /// Whether more tokens or money are used than may be.
  bool is_overdrawn() const;
  bool has_limits() const noexcept {
    return limits_.requests || limits_.tokens || limits_.rollouts || limits_.nanodollars;
  }

  Usage used() const;
  std::uint64_t rollouts() const;

 private:
  Limits limits_;
  mutable std::mutex mutex_;
  Usage used_ = {};
  std::uint64_t rollouts_ = 0;
  std::int64_t nanodollars_ = 0;
  bool is_price_unknown_ = false;
};

}  // namespace dspy::optimize
