#pragma once

#include "dspy/lm/lm.hpp"
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
  /// The longest burst after a pause, in seconds of the rates above; at least one request.
  double burst_seconds = 10;
  std::uint64_t assumed_completion_tokens = 1'024;  ///< Of a request without `max_tokens`.
  std::chrono::milliseconds outage{30'000};         ///< How long the server may be gone before a request fails.

  bool is_any() const noexcept { return requests_per_minute || tokens_per_minute || budget_requests || budget_tokens; }
};

/// Rates and budgets that processes on several machines keep together: counted by a Redis or Valkey server, by its
/// clock.  Thread-safe.
///
/// A request claims the most tokens that it may take, and afterwards what it took is counted instead.  What a process
/// claimed that was killed stays counted, so a budget is never overshot.
class SharedLimits {
 public:
  /// All that name the same server and `scope` share.  Throws `Error` (`config_error`, `invalid_parameter`).
  SharedLimits(std::string_view url, std::string scope, SharedLimitOptions options);
  ~SharedLimits();
  SharedLimits(const SharedLimits&) = delete;
  SharedLimits& operator=(const SharedLimits&) = delete;

  /// Claims for one request; how long to wait first, or zero once it may be made.  Throws `Error`
  /// (`token_budget_exhausted`), and `io_error` if the server is gone.
  std::chrono::milliseconds claim(std::uint64_t tokens);
  /// Counts what a request took instead of what it claimed.
  void settle(std::uint64_t claimed, std::uint64_t used);
  const SharedLimitOptions& options() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// `lm` with each request under these limits.
std::shared_ptr<LM> limited(std::shared_ptr<LM> lm, std::shared_ptr<SharedLimits> limits);

}  // namespace dspy
