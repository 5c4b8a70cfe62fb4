#pragma once

#include "dspy/base/async.hpp"

#include <functional>
#include <memory>

namespace dspy {

/// Wakes a coroutine from another thread.  One coroutine waits at a time, on any event loop; rings before the next wait
/// are merged into one.
class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// From any thread.
  void ring();

  /// Waits until it rings, or has rung since the last wait ended.  Cancelling the coroutine calls `on_cancel` where the
  /// coroutine runs, and does not end the wait: `on_cancel` sees to it that it rings.  An event loop that is destroyed
  /// destroys the coroutine.
  static Async<void> wait(std::shared_ptr<Bell> bell, std::function<void()> on_cancel);

  struct Roll;

 private:
  friend struct Roll;
  struct State;
  void abandon_waiter() noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace dspy
