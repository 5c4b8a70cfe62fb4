#pragma once

#include "dspy/base/async.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>

namespace dspy::server {

struct AdmissionLimits {
  std::size_t running = 256;   ///< Requests that work at once.  At least 1.
  std::size_t waiting = 1024;  ///< Requests that wait for them; above, they are refused at once.
};

/// A bounded queue: so many requests run, so many wait in their order, and the rest is refused at once, while the
/// refusal is still of use.  Thread-safe.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  explicit Admission(AdmissionLimits limits = {});

  /// Waits for a place, which is given back when the result is destroyed.  Throws `Error` (`rate_limit_exceeded`, with
  /// `retry_after`) where too many wait, and `cancelled` when `stop` is asked first.
  Async<std::shared_ptr<void>> enter(std::stop_token stop = {});

  struct State {
    std::size_t running = 0;
    std::size_t waiting = 0;
    std::size_t limit = 0;  ///< Of those that run.
  };
  State state() const;

 private:
  struct Waiter;
  struct Pass;

  void leave();

  AdmissionLimits limits_;
  mutable std::mutex mutex_;
  std::size_t running_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace dspy::server
