#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/lm/prices.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// What all processes of a fleet may ask together.
struct SharedLimitOptions {
  std::optional<double> requests_per_minute = {};
  std::optional<double> tokens_per_minute = {};
  std::optional<std::uint64_t> budget_requests = {};
  std::optional<std::uint64_t> budget_tokens = {};
  std::optional<std::int64_t> budget_nanodollars = {};  ///< A request with an unknown price is refused.
  /// The longest burst after a pause, in seconds of the rates above; at least one request.
  double burst_seconds = 10;
  std::uint64_t assumed_completion_tokens = 1'024;  ///< Of a request without `max_tokens`.
  std::chrono::milliseconds outage{30'000};         ///< How long the server may be gone before a request fails.

  bool is_any() const noexcept {
    return requests_per_minute || tokens_per_minute || budget_requests || budget_tokens || budget_nanodollars;
  }
};

/// A request's maximum or actual usage.  An absent cost is unknown, not zero.
struct SharedClaim {
  std::uint64_t tokens = 0;
  std::optional<std::int64_t> nanodollars = {};
};

/// Rates and budgets that processes on several machines keep together: counted by a Redis or Valkey server, by its
/// clock.  Thread-safe.
///
/// A request claims the most tokens that it may use, and afterwards the actual usage is counted instead.  The claims of
/// a killed process stay counted, so a budget is never exceeded.
class SharedLimits {
 public:
  /// All that name the same server and `scope` share.  Throws `Error` (`config_error`, `invalid_parameter`).
  SharedLimits(std::string_view url, std::string scope, SharedLimitOptions options);
  ~SharedLimits();
  SharedLimits(const SharedLimits&) = delete;
  SharedLimits& operator=(const SharedLimits&) = delete;

  /// Claims for one request; how long to wait first, or zero once it may be made.  Throws `Error`
  /// (`token_budget_exhausted`; `config_error` where there is a budget of money and the claim has none), and `io_error`
  /// if the server is gone.
  std::chrono::milliseconds claim(const SharedClaim& claim);
  std::chrono::milliseconds claim(std::uint64_t tokens) { return claim(SharedClaim{.tokens = tokens}); }
  /// Replaces a request's claim by its actual usage.
  void settle(const SharedClaim& claimed, const SharedClaim& used);
  void settle(std::uint64_t claimed, std::uint64_t used) {
    settle(SharedClaim{.tokens = claimed}, SharedClaim{.tokens = used});
  }
  const SharedLimitOptions& options() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// `lm` with each request under these limits.  Prices are those of `prices`; null: those that the library knows.
/// Throws `Error` (`config_error`) if there is a budget of money and the price of the model is not known.
std::shared_ptr<LM> limited(std::shared_ptr<LM> lm, std::shared_ptr<SharedLimits> limits,
                            const std::shared_ptr<const PriceTable>& prices = {});

}  // namespace dspy
