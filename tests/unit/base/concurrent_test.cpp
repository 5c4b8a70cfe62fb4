#include "dspy/base/concurrent.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

Async<void> pause(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace

TEST_CASE("Work is begun in order, never more at once than allowed, and all of it ends") {
  for (const std::size_t limit : {1, 3, 100}) {
    CAPTURE(limit);
    std::vector<std::size_t> begun;
    std::size_t running = 0;
    std::size_t most = 0;
    std::size_t ended = 0;

    wait(run_concurrently(10, limit, [&](std::size_t i) -> Async<void> {
      begun.push_back(i);
      most = std::max(most, ++running);
      co_await pause(i % 2 == 0 ? 2ms : 1ms);
      --running;
      ++ended;
    }));

    CHECK(begun == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(most == std::min<std::size_t>(limit, 10));
    CHECK(ended == 10);
  }
}

TEST_CASE("Work that never waits, and no work at all, end as well") {
  std::size_t ended = 0;
  const auto count = [&](std::size_t) -> Async<void> {
    ++ended;
    co_return;
  };

  wait(run_concurrently(0, 4, count));
  CHECK(ended == 0);
  wait(run_concurrently(5, 0, count));
  CHECK(ended == 5);
}

TEST_CASE("A failure ends the rest and reaches the caller") {
  std::size_t begun = 0;
  std::size_t ended = 0;
  const auto start = std::chrono::steady_clock::now();

  CHECK_THROWS_WITH_AS(wait(run_concurrently(100, 4,
                                             [&](std::size_t i) -> Async<void> {
                                               ++begun;
                                               if (i == 1) throw Error(Errc::bad_input, "the second");
                                               co_await pause(1h);
                                               ++ended;
                                             })),
                       "the second", Error);

  CHECK(begun <= 4);
  CHECK(ended == 0);
  CHECK(std::chrono::steady_clock::now() - start < 30min);
}
