#pragma once

#include "dspy/base/async.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

namespace dspy {

/// One coroutine that waits until somebody wakes it.  `wake` may come from any thread, and before the wait begins.
/// What waits belongs to its own event loop, and goes with it.
class Waiter {
 public:
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void wake();
  /// Returns once it is woken, `stop` is asked or the time has come.
  static Async<void> wait(std::shared_ptr<Waiter> waiter, std::stop_token stop,
                          std::optional<std::chrono::steady_clock::time_point> until = {});

 private:
  struct State;

  std::unique_ptr<State> state_;
};

}  // namespace dspy
