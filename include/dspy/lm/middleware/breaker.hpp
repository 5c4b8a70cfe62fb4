#pragma once

#include "dspy/base/random.hpp"
#include "dspy/lm/middleware/guard.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace dspy {

/// When a model that keeps failing is left alone for a while.
struct BreakerOptions {
  int min_calls = 20;          ///< Fewer in the last ten seconds say nothing.
  double failure_ratio = 0.5;  ///< From this share of failures on, no more requests are made.
  std::chrono::nanoseconds open_for = std::chrono::seconds(15);  ///< Doubled each time the probes fail.
  std::chrono::nanoseconds max_open_for = std::chrono::seconds(300);
  int probes = 3;  ///< Requests that try whether it is well again; if all succeed, it is.
  /// A probe that takes longer is given up.
  std::chrono::nanoseconds probe_lease = std::chrono::seconds(60);
  std::uint64_t seed = 1;  ///< Of the waits' jitter, a tenth either way.
};

/// Throws `Error` (`invalid_parameter`) that names the first option outside its range.
void validate(const BreakerOptions& options);

/// A circuit breaker: closed while most requests succeed, open after too many have failed, then half open for a few
/// probes.  What counts as a failure is the model's side being broken: `unavailable`, `timeout`, `stream_broken`,
/// `backend_error`; not a refused request, a rate limit or a caller who gave up.  Results of requests that were made
/// before it changed its mind are not listened to.
class Breaker final : public Guard {
 public:
  enum class State { closed, open, half_open };

  /// `name` appears in the error of a refused request.
  explicit Breaker(BreakerOptions options = {}, std::string_view name = "the model");

  /// Throws `Error` (`unavailable`, with `retry_after`) while it is open.
  std::chrono::nanoseconds admit(const Request& request, Clock::Time now, Ticket& ticket) override;
  void settle(const Ticket& ticket, const Outcome& outcome) override;

  State state(Clock::Time now) const;
  /// How long no request will be made; 0 if one may be.
  std::chrono::nanoseconds opens_in(Clock::Time now) const;

 private:
  struct Second {
    std::int64_t number = -1;
    int calls = 0;
    int failures = 0;
  };

  void open(Clock::Time now);
  void close();
  void drop_lost_probes(Clock::Time now);
  void count(bool has_failed, Clock::Time now);

  mutable std::mutex mutex_;
  BreakerOptions options_;
  std::string name_;
  Random random_;
  State state_ = State::closed;
  std::uint64_t generation_ = 1;  ///< One more with each change of state.
  Clock::Time opens_at_ = {};     ///< While open: when probes may begin.
  Clock::Time lease_ends_ = {};   ///< Of the probe that was last begun.
  int times_opened_ = 0;          ///< In a row.
  int probes_out_ = 0, probes_ok_ = 0;
  std::array<Second, 10> seconds_ = {};
};

std::string_view to_string(Breaker::State state) noexcept;

}  // namespace dspy
