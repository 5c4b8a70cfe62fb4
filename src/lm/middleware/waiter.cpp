#include "lm/middleware/waiter.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <mutex>
#include <utility>

namespace dspy {

namespace asio = boost::asio;

struct Waiter::State {
  std::mutex mutex;
  bool is_woken = false;
  asio::steady_timer* timer = nullptr;  ///< Of the coroutine, while it waits.
};

Waiter::Waiter() : state_(std::make_unique<State>()) {}
Waiter::~Waiter() = default;

void Waiter::wake() {
  const std::lock_guard lock(state_->mutex);
  state_->is_woken = true;
  // Ends the wait, also one that is about to begin.
  if (state_->timer != nullptr) state_->timer->expires_at(asio::steady_timer::time_point::min());
}

Async<void> Waiter::wait(std::shared_ptr<Waiter> waiter, std::stop_token stop,
                         std::optional<std::chrono::steady_clock::time_point> until) {
  auto& state = *waiter->state_;
  asio::steady_timer timer(co_await asio::this_coro::executor, until.value_or(asio::steady_timer::time_point::max()));
  struct Registration {
    State& state;

    Registration(State& of, asio::steady_timer& timer) : state(of) {
      const std::lock_guard lock(state.mutex);
      state.timer = &timer;
      if (state.is_woken) timer.expires_at(asio::steady_timer::time_point::min());
    }
    ~Registration() {
      const std::lock_guard lock(state.mutex);
      state.timer = nullptr;
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
  } const registration(state, timer);
  const std::stop_callback ask(stop, [&waiter] { waiter->wake(); });

  constexpr auto token = asio::as_tuple(asio::use_awaitable);
  const auto [code] = co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(
      [&](auto handler) {
        // The timer is moved by the thread that wakes it, so it is never touched without the lock.
        const std::lock_guard lock(state.mutex);
        timer.async_wait(std::move(handler));
      },
      token);
  const bool is_woken = [&] {
    const std::lock_guard lock(state.mutex);
    return state.is_woken;
  }();
  // Not woken, not over time: the coroutine itself is cancelled.
  if (code == asio::error::operation_aborted && !is_woken && !stop.stop_requested())
    throw boost::system::system_error(code);
}

}  // namespace dspy
