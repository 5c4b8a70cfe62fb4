#include "agents/tools/gate.hpp"

#include "dspy/base/error.hpp"
#include "lm/middleware/waiter.hpp"

#include <chrono>
#include <utility>

namespace dspy {

/// One who waits, and does not stay in the queue, nor keep a place, if the wait is cut short.
class Places::Turn {
 public:
  Turn(Places& gate, std::shared_ptr<Waiter> waiter) : gate_(gate), waiter_(std::move(waiter)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (waiter_ && gate_.has_place(waiter_)) gate_.give_back();
  }

  bool came() {
    const bool has_place = gate_.has_place(waiter_);
    waiter_.reset();
    return has_place;
  }

 private:
  Places& gate_;
  std::shared_ptr<Waiter> waiter_;
};

bool Places::take(std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  if (inside_ < places_ && queue_.empty()) {
    ++inside_;
    return true;
  }
  waiter = std::make_shared<Waiter>();
  queue_.push_back(waiter);
  return false;
}

bool Places::has_place(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  return std::erase(queue_, waiter) == 0;
}

void Places::give_back() {
  const std::lock_guard lock(mutex_);
  --inside_;
  if (queue_.empty()) return;
  ++inside_;
  queue_.front()->wake();
  queue_.pop_front();
}

Async<std::shared_ptr<void>> Places::enter(std::shared_ptr<Places> gate, CallContext context) {
  std::shared_ptr<Waiter> waiter;
  if (!gate->take(waiter)) {
    Turn turn(*gate, waiter);
    co_await Waiter::wait(waiter, context.stop, context.deadline);
    const bool has_come = turn.came();
    if (!has_come || context.stop.stop_requested()) {
      if (has_come) gate->give_back();
      if (context.stop.stop_requested())
        throw Error(Errc::cancelled, "the caller asked to stop while a tool call waited for its turn");
      throw Error(Errc::deadline_exceeded, "the deadline passed while a tool call waited for its turn");
    }
  }
  co_return std::shared_ptr<void>(gate.get(), [gate](void*) { gate->give_back(); });
}

}  // namespace dspy
