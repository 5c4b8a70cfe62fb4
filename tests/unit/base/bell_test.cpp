#include "base/bell.hpp"

#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

using namespace dspy;
using namespace std::chrono_literals;

TEST_CASE("a bell that has rung does not keep anybody waiting, once") {
  const auto bell = std::make_shared<Bell>();
  bell->ring();
  bell->ring();

  wait(Bell::wait(bell, {}));

  const std::jthread other([&] {
    std::this_thread::sleep_for(20ms);
    bell->ring();
  });
  const auto begun = std::chrono::steady_clock::now();
  wait(Bell::wait(bell, {}));
  CHECK(std::chrono::steady_clock::now() - begun >= 10ms);
}

TEST_CASE("a bell wakes a coroutine from another thread, again and again") {
  const auto bell = std::make_shared<Bell>();
  std::atomic<int> rings = 0;
  const std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      ++rings;
      bell->ring();
      std::this_thread::yield();
    }
  });
  for (int heard = 0; heard < 100; ++heard) wait(Bell::wait(bell, {}));
  CHECK(rings >= 100);
}

TEST_CASE("cancelling asks for a ring") {
  const auto bell = std::make_shared<Bell>();
  std::atomic<bool> asked = false;
  std::stop_source stop;
  const std::jthread other([&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });

  try {
    wait(until(Bell::wait(bell,
                          [&, bell] {
                            asked = true;
                            bell->ring();
                          }),
               stop.get_token()));
  } catch (const std::exception&) {
    CHECK(stop.stop_requested());
  }

  CHECK(asked);
}

TEST_CASE("an event loop that is destroyed takes the coroutine along") {
  const auto bell = std::make_shared<Bell>();
  const auto kept = std::make_shared<int>(1);
  {
    boost::asio::io_context loop;
    boost::asio::co_spawn(
        loop,
        [](std::shared_ptr<Bell> inner, std::shared_ptr<int> held) -> Async<void> {
          co_await Bell::wait(std::move(inner), {});
          ++*held;
        }(bell, kept),
        [](const std::exception_ptr&) {});
    loop.poll();
    CHECK(kept.use_count() == 2);
  }

  bell->ring();

  CHECK(kept.use_count() == 1);
  CHECK(*kept == 1);
}
