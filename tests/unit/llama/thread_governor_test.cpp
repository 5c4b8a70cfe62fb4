#include "llama/engine/thread_governor.hpp"

#include <doctest/doctest.h>

namespace dspy::llama {
namespace {

using namespace std::chrono_literals;

/// A machine on which a step takes `quiet` with all threads, and `slow` with all while a neighbour is `busy`; with one
/// thread fewer it takes twice `quiet` in either case.
struct Machine {
  ThreadGovernor governor{2};
  ThreadGovernor::Clock::time_point now{};
  bool busy = false;
  std::chrono::nanoseconds quiet = 20ms;
  std::chrono::nanoseconds slow = 200ms;

  void steps(int count, std::size_t tokens = 1) {
    for (int i = 0; i < count; ++i) {
      const auto time = static_cast<std::int64_t>(tokens) * (governor.threads() < 2 ? 2 * quiet : busy ? slow : quiet);
      now += time;
      governor.observe(tokens, time, now);
    }
  }
};

TEST_CASE_FIXTURE(Machine, "on a quiet machine all threads stay") {
  steps(1000);
  CHECK(governor.threads() == 2);
  CHECK(governor.slowdowns() == 0);
}

TEST_CASE_FIXTURE(Machine, "a busy neighbour costs a thread after two slow steps, and is given it back when quiet") {
  steps(10);
  busy = true;
  steps(2);
  CHECK(governor.threads() == 1);

  busy = false;
  steps(20);
  CHECK(governor.threads() == 2);
}

TEST_CASE_FIXTURE(Machine, "one slow step alone changes nothing") {
  steps(10);
  for (int i = 0; i < 5; ++i) {
    busy = true;
    steps(1);
    busy = false;
    steps(3);
  }
  CHECK(governor.threads() == 2);
}

TEST_CASE_FIXTURE(Machine, "the longer a neighbour stays busy, the rarer is the attempt") {
  steps(10);
  busy = true;
  const auto start = now;
  steps(10'000);
  const auto took = now - start;

  // At first every half second, later every 16: far fewer than one attempt a second.
  CHECK(governor.slowdowns() > 5);
  CHECK(governor.slowdowns() < static_cast<std::uint64_t>(took / 10s));
}

TEST_CASE_FIXTURE(Machine, "contexts that grow make steps longer by and by, and that is not a slowdown") {
  steps(10);
  for (int i = 0; i < 2000; ++i) {
    quiet = quiet * 1002 / 1000;
    steps(1);
    if (quiet > 400ms) break;
  }
  CHECK(governor.slowdowns() == 0);
}

TEST_CASE_FIXTURE(Machine, "steps are compared with steps of like size") {
  steps(5, 1);
  quiet = 1ms;  // a token of a large step takes less
  steps(5, 48);
  quiet = 20ms;
  steps(5, 1);
  CHECK(governor.threads() == 2);
}

TEST_CASE("one thread is never given up") {
  ThreadGovernor governor(1);
  ThreadGovernor::Clock::time_point now{};
  for (int i = 0; i < 20; ++i) CHECK_FALSE(governor.observe(1, i % 2 ? 1ms : 500ms, now += 500ms));
  CHECK(governor.threads() == 1);
}

}  // namespace
}  // namespace dspy::llama
