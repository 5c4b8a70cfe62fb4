#include "dspy/base/wait.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait_watched.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

Async<int> immediate(int value) {
  co_return value;
}

Async<int> after_a_pause(int value) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, 1ms);
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return value;
}

Async<int> failing(bool pause) {
  if (pause) co_await after_a_pause(0);
  throw Error(Errc::cancelled, "stopped");
}

}  // namespace

TEST_CASE("wait returns what the work returns, at once or after a pause") {
  CHECK(wait(immediate(3)) == 3);
  CHECK(wait(after_a_pause(4)) == 4);
  CHECK(wait(immediate(5)) == 5);
}

TEST_CASE("wait runs work without a result") {
  bool done = false;
  wait([](bool& flag) -> Async<void> {
    co_await after_a_pause(0);
    flag = true;
  }(done));

  CHECK(done);
}

TEST_CASE("wait hands over results that can only be moved, or have no default") {
  struct Named {
    explicit Named(std::string text) : name(std::move(text)) {}
    std::string name;
  };

  const auto owned = wait([]() -> Async<std::unique_ptr<int>> { co_return std::make_unique<int>(7); }());
  const auto named = wait([]() -> Async<Named> { co_return Named("x"); }());

  REQUIRE(owned);
  CHECK(*owned == 7);
  CHECK(named.name == "x");
}

TEST_CASE("wait throws what the work throws, and works again afterwards") {
  CHECK_THROWS_WITH_AS(wait(failing(false)), "stopped", Error);
  CHECK_THROWS_WITH_AS(wait(failing(true)), "stopped", Error);
  CHECK(wait(after_a_pause(1)) == 1);
}

TEST_CASE("wait inside a wait runs to its end on the same thread") {
  const auto nested = [](int depth, auto& self) -> Async<int> {
    if (depth == 0) co_return co_await after_a_pause(1);
    co_return 1 + wait(self(depth - 1, self));
  };

  CHECK(wait(nested(5, nested)) == 6);
  CHECK(wait(immediate(2)) == 2);
}

TEST_CASE("What work leaves behind is done before wait returns, if it is ready") {
  int done = 0;
  wait([](int& count) -> Async<void> {
    const auto loop = co_await boost::asio::this_coro::executor;
    co_await after_a_pause(0);
    boost::asio::post(loop, [&count] { ++count; });
  }(done));

  CHECK(done == 1);
}

TEST_CASE("An error crosses nested waits") {
  const auto outer = []() -> Async<int> { co_return wait(failing(true)); };

  CHECK_THROWS_AS(wait(outer()), Error);
  CHECK(wait(after_a_pause(9)) == 9);
}

TEST_CASE("Many threads wait at once, each for its own work") {
  std::vector<int> sums(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < sums.size(); ++t) {
      threads.emplace_back([&sum = sums[t]] {
        for (int i = 0; i < 50; ++i) sum += wait(i % 10 == 0 ? after_a_pause(1) : immediate(1));
      });
    }
  }

  for (const int sum : sums) CHECK(sum == 50);
}

TEST_CASE("A watched wait looks up while it waits, and not when there is nothing to wait for") {
  int looks = 0;
  wait_watched([]() -> Async<void> { co_await immediate(1); }(), 1000ms, [&] { ++looks; });
  CHECK(looks == 0);
  wait_watched(sleep(20ms), 2ms, [&] { ++looks; });
  CHECK(looks >= 2);
  CHECK_THROWS_AS(wait_watched([]() -> Async<void> { co_await failing(true); }(), 1ms, [] {}), Error);
}
