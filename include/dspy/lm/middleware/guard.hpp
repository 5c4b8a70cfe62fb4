#pragma once

#include "dspy/base/error.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <cstdint>

namespace dspy {

/// What a guard remembers of a request from `admit` to `settle`.
struct Ticket {
  std::uint64_t tokens = 0;
  std::uint64_t mark = 0;
  bool is_probe = false;
  Budget::Claim claim = {};
};

/// How a request ended.
struct Outcome {
  bool was_sent = false;         ///< False if another guard refused it, or the caller gave up before.
  const Reply* reply = nullptr;  ///< With neither a reply nor an error, it was torn down on the way.
  const Error* error = nullptr;
  Clock::Time now = {};
  std::chrono::nanoseconds time = {};  ///< From sending it to its end.
};

/// Decides whether and when a request is made, and learns from how it ended: a limit, a budget, a circuit breaker.
/// Does no I/O and does not wait itself.  Thread-safe.
class Guard {
 public:
  virtual ~Guard() = default;

  /// How long the request has to wait; after that it is admitted, whatever happens meanwhile.  Throws `Error` if it is
  /// refused; then there is nothing to settle.
  virtual std::chrono::nanoseconds admit(const Request& request, Clock::Time now, Ticket& ticket) = 0;
  /// Once for each request that was admitted.
  virtual void settle(const Ticket& ticket, const Outcome& outcome) = 0;
};

/// Whether a provider may have computed, and billed, something although the request failed: it was cut on the way.
/// One that was turned down costs nothing.
bool may_have_been_billed(Errc code) noexcept;

}  // namespace dspy
