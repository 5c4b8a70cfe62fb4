#include "dspy/base/wait.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/wait_watched.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace dspy {
namespace {

namespace asio = boost::asio;

/// An event loop with one coroutine that awaits whatever the thread has to wait for, one after the other: to spawn a
/// coroutine for each would be a fifth of what a call costs whose LM answers at once.
class Driver {
 public:
  Driver() {
    asio::co_spawn(loop_, serve(), asio::detached);
    loop_.poll();
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  bool is_idle() const noexcept { return go_on_.has_value(); }

  /// `run_some` runs a part of the event loop.
  template <class RunSome>
  void run(Async<void> work, RunSome run_some) {
    work_ = std::move(work);
    auto go_on = *std::move(go_on_);
    go_on_.reset();
    std::move(go_on)();
    if (!is_idle()) {
      while (!is_idle()) run_some(loop_);
      loop_.poll();  // what the work left behind
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  using GoOn = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

  Async<void> serve() {
    while (true) {
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
          [this](GoOn handler) { go_on_.emplace(std::move(handler)); }, asio::use_awaitable);
      try {
        co_await std::exchange(work_, {});
      } catch (...) {
        failure_ = std::current_exception();
      }
    }
  }

  asio::io_context loop_{1};
  Async<void> work_;
  std::exception_ptr failure_;
  std::optional<GoOn> go_on_;  ///< Set while nothing is driven.
};

// Each thread keeps one driver, since making one costs more than a whole call.  A `wait` inside a `wait` finds it busy
// and makes its own.
template <class RunSome>
void drive(Async<void> work, RunSome run_some) {
  thread_local Driver shared;
  if (shared.is_idle()) {
    shared.run(std::move(work), run_some);
  } else {
    Driver().run(std::move(work), run_some);
  }
}

}  // namespace

namespace detail {

void run_to_end(Async<void> work) {
  drive(std::move(work), [](asio::io_context& loop) { loop.run_one(); });
}

}  // namespace detail

void wait_watched(Async<void> work, std::chrono::milliseconds every, const std::function<void()>& look_up) {
  auto next = std::chrono::steady_clock::now() + every;
  drive(std::move(work), [&](asio::io_context& loop) {
    loop.run_one_until(next);
    if (std::chrono::steady_clock::now() < next) return;
    look_up();
    next = std::chrono::steady_clock::now() + every;
  });
}

}  // namespace dspy
