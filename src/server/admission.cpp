#include "dspy/server/admission.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

namespace dspy::server {

namespace asio = boost::asio;

struct Admission::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}

  /// From any thread; the timer belongs to its executor.
  static void wake(std::shared_ptr<Waiter> waiter) {
    auto executor = waiter->timer.get_executor();
    asio::post(executor,
               [waiter = std::move(waiter)] { waiter->timer.expires_at(asio::steady_timer::time_point::min()); });
  }

  asio::steady_timer timer;
  bool is_admitted = false;  ///< Under the mutex of `Admission`.
};

struct Admission::Pass {
  explicit Pass(std::shared_ptr<Admission> entered) : admission(std::move(entered)) {}
  Pass(const Pass&) = delete;
  ~Pass() { admission->leave(); }

  std::shared_ptr<Admission> admission;
};

Admission::Admission(AdmissionLimits limits) : limits_(limits) {
  if (limits.running == 0)
    throw Error(Errc::invalid_parameter, "admission needs room for at least 1 running request; 0 was given");
}

Async<std::shared_ptr<void>> Admission::enter(std::stop_token stop) {
  return [](std::shared_ptr<Admission> self, std::stop_token asked) -> Async<std::shared_ptr<void>> {
    const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
    {
      const std::lock_guard lock(self->mutex_);
      if (self->running_ < self->limits_.running) {
        ++self->running_;
        waiter->is_admitted = true;
      } else if (self->waiting_.size() >= self->limits_.waiting) {
        throw Error(Errc::rate_limit_exceeded, "the server's queue is full; try again later",
                    {.retry_after = std::chrono::seconds(1)});
      } else {
        self->waiting_.push_back(waiter);
      }
    }
    if (waiter->is_admitted) co_return std::make_shared<Pass>(std::move(self));
    const std::stop_callback give_up(asked, [waiter] { Waiter::wake(waiter); });
    co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    {
      const std::lock_guard lock(self->mutex_);
      if (!waiter->is_admitted) {
        std::erase(self->waiting_, waiter);
        throw Error(Errc::cancelled, "the request ended while it was in the queue");
      }
    }
    co_return std::make_shared<Pass>(std::move(self));
  }(shared_from_this(), std::move(stop));
}

Admission::State Admission::state() const {
  const std::lock_guard lock(mutex_);
  return {.running = running_, .waiting = waiting_.size(), .limit = limits_.running};
}

void Admission::leave() {
  std::shared_ptr<Waiter> next;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
    next->is_admitted = true;
  }
  Waiter::wake(std::move(next));
}

}  // namespace dspy::server
