#include "dspy/base/gate.hpp"

#include "dspy/base/async.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace dspy {

namespace asio = boost::asio;

/// The timer is the door bell.  It belongs to its executor, and so is cancelled there.
struct Gate::Waiting {
  struct Place;

  asio::steady_timer bell;
  bool is_let_through = false;  ///< Set on the executor.
};

/// Leaves the queue however the wait ends, also with its event loop, which the bell must not outlive.
struct Gate::Waiting::Place {
  std::shared_ptr<Gate> gate;
  std::shared_ptr<Waiting> one;

  Place(std::shared_ptr<Gate> of, std::shared_ptr<Waiting> who) : gate(std::move(of)), one(std::move(who)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    const std::lock_guard lock(gate->mutex_);
    std::erase(gate->waiting_, one);
  }
};

Gate::~Gate() = default;

void Gate::close() {
  const std::lock_guard lock(mutex_);
  is_open_.store(false, std::memory_order_release);
}

// Under the lock, so that no event loop goes away meanwhile.
void Gate::open() {
  const std::lock_guard lock(mutex_);
  is_open_.store(true, std::memory_order_release);
  for (const auto& one : std::exchange(waiting_, {})) {
    const auto executor = one->bell.get_executor();
    asio::post(executor, [one] {
      one->is_let_through = true;
      one->bell.cancel();
    });
  }
}

Async<bool> Gate::opened(std::shared_ptr<Gate> gate, std::chrono::nanoseconds at_most) {
  if (gate->is_open()) co_return true;
  const auto one = std::make_shared<Waiting>(asio::steady_timer(co_await asio::this_coro::executor));
  const auto now = std::chrono::steady_clock::now();
  const auto longest = std::chrono::steady_clock::time_point::max() - now;
  one->bell.expires_at(at_most < longest ? now + at_most : std::chrono::steady_clock::time_point::max());
  const Waiting::Place place(gate, one);
  {
    const std::lock_guard lock(gate->mutex_);
    if (gate->is_open()) co_return true;
    gate->waiting_.push_back(one);
  }
  const auto [error] = co_await one->bell.async_wait(asio::as_tuple(asio::use_awaitable));
  if (one->is_let_through) co_return true;
  if (error) throw boost::system::system_error(error);  // the coroutine was cancelled
  co_return false;
}

}  // namespace dspy
