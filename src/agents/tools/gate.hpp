#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/call_context.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

namespace dspy {

class Waiter;

/// Lets a number of coroutines in at once; others wait in their order.  Thread-safe.
class Places {
 public:
  /// 0 lets everybody in.
  explicit Places(std::size_t places) noexcept : places_(places) {}

  /// A place, given back when the last holder lets go of it; null where there is no limit.  Throws `Error`
  /// (`cancelled`, `deadline_exceeded`) if the wait is cut short.
  static Async<std::shared_ptr<void>> enter(std::shared_ptr<Places> gate, CallContext context);

 private:
  class Turn;

  bool take(std::shared_ptr<Waiter>& waiter);
  bool has_place(const std::shared_ptr<Waiter>& waiter);
  void give_back();

  std::mutex mutex_;
  std::size_t places_;
  std::size_t inside_ = 0;
  std::deque<std::shared_ptr<Waiter>> queue_;
};

}  // namespace dspy
