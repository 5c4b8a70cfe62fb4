#include "base/bell.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace dspy {

/// The bells that coroutines of one event loop have waited for.
struct Bell::Roll {
  void enter(const std::shared_ptr<Bell>& bell) {
    const std::lock_guard lock(mutex);
    bells.insert_or_assign(bell.get(), bell);
  }
  void leave(const Bell* bell) {
    const std::lock_guard lock(mutex);
    bells.erase(bell);
  }
  /// When an event loop is destroyed, so must be the coroutines that wait on it, or they would be woken there later.
  void abandon_waiters() noexcept {
    std::map<const Bell*, std::weak_ptr<Bell>> left;
    {
      const std::lock_guard lock(mutex);
      left.swap(bells);
    }
    for (const auto& [unused, weak] : left) {
      if (const auto bell = weak.lock()) bell->abandon_waiter();
    }
  }

  std::mutex mutex;
  std::map<const Bell*, std::weak_ptr<Bell>> bells;
};

namespace {

class RollService : public asio::execution_context::service {
 public:
  using key_type = RollService;
  static inline asio::execution_context::id id;

  explicit RollService(asio::execution_context& owner) : service(owner) {}

  const std::shared_ptr<Bell::Roll> roll = std::make_shared<Bell::Roll>();

 private:
  void shutdown() override { roll->abandon_waiters(); }
};

}  // namespace

struct Bell::State {
  /// A coroutine that waits, and the promise to its event loop that there is more to come.
  struct Waiter {
    asio::any_completion_handler<void()> handler;
    asio::executor_work_guard<asio::any_io_executor> work;
  };

  /// Wakes the coroutine on its own executor.  Called under the lock, so that the loop cannot go away meanwhile.
  void wake() {
    if (!waiter) return;
    has_rung = false;
    const auto executor = waiter->work.get_executor();
    asio::post(executor, [woken = std::move(waiter)] { std::move(woken->handler)(); });
  }

  std::mutex mutex;
  bool has_rung = false;
  std::unique_ptr<Waiter> waiter;
  std::shared_ptr<Roll> roll;  ///< Of the loop that was waited on last.
};

Bell::Bell() : state_(std::make_unique<State>()) {}

Bell::~Bell() {
  if (state_->roll) state_->roll->leave(this);
}

void Bell::ring() {
  const std::lock_guard lock(state_->mutex);
  state_->has_rung = true;
  state_->wake();
}

void Bell::abandon_waiter() noexcept {
  std::unique_ptr<State::Waiter> waiter;
  const std::lock_guard lock(state_->mutex);
  waiter.swap(state_->waiter);
}

Async<void> Bell::wait(std::shared_ptr<Bell> bell, std::function<void()> on_cancel) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto& state = *bell->state_;
  if (const auto& roll = asio::use_service<RollService>(asio::query(executor, asio::execution::context)).roll;
      state.roll != roll) {
    if (state.roll) state.roll->leave(bell.get());
    state.roll = roll;
    roll->enter(bell);
  }
  {
    const std::lock_guard lock(state.mutex);
    if (std::exchange(state.has_rung, false)) co_return;
  }
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&state, &on_cancel, executor](auto handler) {
        auto waiter =
            std::unique_ptr<State::Waiter>(new State::Waiter{std::move(handler), asio::make_work_guard(executor)});
        if (auto slot = asio::get_associated_cancellation_slot(waiter->handler); slot.is_connected())
          slot.assign([on_cancel](asio::cancellation_type) { on_cancel(); });
        const std::lock_guard lock(state.mutex);
        state.waiter = std::move(waiter);
        if (state.has_rung) state.wake();
      },
      asio::use_awaitable);
}

}  // namespace dspy
