#include "dspy/base/concurrent.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

Async<void> pause(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

/// Work that notes how it was run.
struct Work {
  std::vector<std::size_t> begun = {};
  std::size_t running = 0;
  std::size_t most_running = 0;
  std::size_t ended = 0;
  std::size_t fails = 1000;  ///< Which.
  std::function<std::chrono::milliseconds(std::size_t)> takes = [](std::size_t) { return 0ms; };

  Async<void> run(std::size_t i) {
    begun.push_back(i);
    if (i == fails) throw Error(Errc::bad_input, "the second");
    most_running = std::max(most_running, ++running);
    if (const auto time = takes(i); time > 0ms) co_await pause(time);
    --running;
    ++ended;
  }
  void run_all(std::size_t count, std::size_t limit) {
    wait(run_concurrently(count, limit, [this](std::size_t i) { return run(i); }));
  }
};

}  // namespace

TEST_CASE("Work is begun in order, never more at once than allowed, and all of it ends") {
  for (const auto limit : {1UZ, 3UZ, 100UZ}) {
    CAPTURE(limit);
    Work work{.takes = [](std::size_t i) { return i % 2 == 0 ? 2ms : 1ms; }};

    work.run_all(10, limit);

    CHECK(work.begun == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(work.most_running == std::min(limit, 10UZ));
    CHECK(work.ended == 10);
  }
}

TEST_CASE("Work that never waits, and no work at all, end as well") {
  Work work;

  work.run_all(0, 4);
  CHECK(work.ended == 0);
  work.run_all(5, 0);
  CHECK(work.ended == 5);
}

TEST_CASE("On several threads work is still begun in order, and no two pieces of it run at once") {
  boost::asio::thread_pool threads(4);
  std::atomic<int> running = 0, most_running = 0;
  std::vector<std::size_t> begun;
  const auto step = [&] {
    most_running = std::max(most_running.load(), ++running);
    std::this_thread::sleep_for(100us);
    --running;
  };
  const auto work = [&](std::size_t i) -> Async<void> {
    begun.push_back(i);
    step();
    if (i == 60) throw Error(Errc::bad_input, "the last");
    co_await pause(1ms);
    step();
  };

  auto done = boost::asio::co_spawn(threads, run_concurrently(100, 8, work), boost::asio::use_future);

  CHECK_THROWS_WITH_AS(done.get(), "the last", Error);
  CHECK(most_running == 1);
  CHECK(begun.size() == 61);
  CHECK(std::ranges::is_sorted(begun));
}

TEST_CASE("A failure ends the rest and reaches the caller") {
  Work work{.fails = 1, .takes = [](std::size_t) { return 1h; }};

  CHECK_THROWS_WITH_AS(work.run_all(100, 4), "the second", Error);

  CHECK(work.begun.size() <= 4);
  CHECK(work.ended == 0);
}

TEST_CASE("A cancellation begins no more work, also where the work keeps what it was thrown to itself") {
  std::size_t begun = 0;
  std::stop_source stop;
  const auto work = [&](std::size_t) -> Async<void> {
    ++begun;
    if (begun == 3) stop.request_stop();
    try {
      co_await dspy::sleep(1ms);
    } catch (const std::exception&) {  // as a batch does, which makes a row of it
    }
  };

  const auto result = attempt([&] { wait(until(run_concurrently(100, 1, work), stop.get_token())); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::cancelled);
  CHECK(begun < 5);
}
