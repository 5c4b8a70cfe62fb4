#include "dspy/base/tasks.hpp"

#include "dspy/base/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <thread>

namespace dspy {
namespace {

namespace asio = boost::asio;

[[noreturn]] void tell_stopped() {
  throw Error(Errc::cancelled, "the caller asked to stop");
}

/// Half of the processors, at least one and at most four: the computation runs next to a model that needs them all.
asio::thread_pool& computers() {
  static asio::thread_pool pool(std::clamp(std::thread::hardware_concurrency() / 2, 1U, 4U));
  return pool;
}

/// An event loop on a thread of its own, until the process ends.
class Background {
 public:
  asio::io_context& loop() noexcept { return loop_; }

 private:
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> open_{loop_.get_executor()};
  std::jthread thread_{[this](const std::stop_token& stop) {
    const std::stop_callback end(stop, [this] { loop_.stop(); });
    loop_.run();
  }};
};

asio::io_context& background() {
  static Background shared;
  return shared.loop();
}

}  // namespace

Async<void> sleep(std::chrono::nanoseconds time, std::stop_token stop) {
  co_await detail::run_until(
      [](std::chrono::nanoseconds length) -> Async<void> {
        asio::steady_timer timer(co_await asio::this_coro::executor, length);
        co_await timer.async_wait(asio::use_awaitable);
      }(time),
      std::move(stop));
}

namespace detail {

Async<void> run_all(std::vector<Async<void>> works) {
  if (works.empty()) co_return;
  const auto executor = co_await asio::this_coro::executor;
  using Worker = decltype(asio::co_spawn(executor, std::move(works.front()), asio::deferred));
  std::vector<Worker> workers;
  workers.reserve(works.size());
  for (auto& work : works) workers.push_back(asio::co_spawn(executor, std::move(work), asio::deferred));
  const auto [ended, failures] = co_await asio::experimental::make_parallel_group(std::move(workers))
                                     .async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  // In the order in which they ended: the first failure is the cause of what was cancelled after it.
  for (const auto worker : ended) {
    if (failures[worker]) std::rethrow_exception(failures[worker]);
  }
}

Async<void> run_on_cpu(std::function<void()> work) {
  std::exception_ptr failure;
  // Ignores cancellation: `work` writes to variables of this coroutine until it has ended.
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&](auto handler) {
        auto executor = asio::get_associated_executor(handler);
        asio::post(computers(), [&work, &failure, executor, handler = std::move(handler)]() mutable {
          try {
            work();
          } catch (...) {
            failure = std::current_exception();
          }
          asio::post(executor, std::move(handler));
        });
      },
      asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
}

void run_in_background(Async<void> work) {
  asio::co_spawn(background(), std::move(work), asio::detached);
}

Async<void> run_until(Async<void> work, std::stop_token stop) {
  if (!stop.stop_possible()) co_return co_await std::move(work);
  if (stop.stop_requested()) tell_stopped();
  const auto executor = co_await asio::this_coro::executor;
  auto outer = (co_await asio::this_coro::cancellation_state).slot();
  // The stop may come from any thread; the signal belongs to this executor.
  struct State {
    asio::cancellation_signal signal;
    bool is_over = false;
  };
  const auto state = std::make_shared<State>();
  // `work` hears of nothing but the signal, so that hands on what cancels the caller.
  if (outer.is_connected()) outer.assign([state](asio::cancellation_type type) { state->signal.emit(type); });
  std::exception_ptr failure;
  {
    const std::stop_callback ask(stop, [state, executor] {
      asio::post(executor, [state] {
        if (!state->is_over) state->signal.emit(asio::cancellation_type::terminal);
      });
    });
    try {
      co_await asio::co_spawn(executor, std::move(work),
                              asio::bind_cancellation_slot(state->signal.slot(), asio::use_awaitable));
    } catch (...) {
      failure = std::current_exception();
    }
    state->is_over = true;
  }
  if (outer.is_connected()) outer.clear();
  if (!failure) co_return;
  if (stop.stop_requested()) tell_stopped();
  std::rethrow_exception(failure);
}

}  // namespace detail
}  // namespace dspy
