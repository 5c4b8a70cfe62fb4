#include "dspy/base/gate.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

TEST_CASE("an open gate holds nobody up, and a closed one until it opens") {
  const auto gate = std::make_shared<Gate>();
  CHECK(wait(Gate::opened(gate)));
  gate->close();
  CHECK_FALSE(gate->is_open());
  CHECK_FALSE(wait(Gate::opened(gate, 1ms)));
  std::jthread opens([gate] {
    std::this_thread::sleep_for(5ms);
    gate->open();
  });
  CHECK(wait(Gate::opened(gate)));
}

TEST_CASE("everyone who waits is let through, from any thread") {
  const auto gate = std::make_shared<Gate>(false);
  std::atomic<int> through = 0;
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 8; ++i)
    waiting.emplace_back([gate, &through] {
      if (wait(Gate::opened(gate))) ++through;
    });
  for (int i = 0; i < 200; ++i) {
    gate->close();
    gate->open();
  }
  waiting.clear();
  CHECK(through == 8);
}

TEST_CASE("a stop ends the wait") {
  const auto gate = std::make_shared<Gate>(false);
  std::stop_source stop;
  const std::jthread asks([&] {
    std::this_thread::sleep_for(5ms);
    stop.request_stop();
  });
  CHECK_THROWS_AS(wait(until(Gate::opened(gate), stop.get_token())), Error);
  gate->open();
  CHECK(wait(Gate::opened(gate)));
}
