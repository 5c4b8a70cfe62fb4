#include "llama/at_exit.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using namespace std::chrono_literals;

TEST_CASE("what is closed from several threads is closed once, and each of them waits for it") {
  std::atomic<int> begun = 0, ended = 0;
  ClosedAtExit closes([&] {
    ++begun;
    std::this_thread::sleep_for(20ms);
    ++ended;
  });

  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      closes.close();
      CHECK(ended == 1);
    });
  threads.clear();

  CHECK(begun == 1);
}

TEST_CASE("a thread that is to wait for its own end goes on") {
  std::atomic<bool> is_done = false;
  std::atomic<std::thread*> self = nullptr;
  std::thread thread([&] {
    while (!self) std::this_thread::yield();
    join(*self);
    is_done = true;
  });
  self = &thread;

  while (!is_done) std::this_thread::sleep_for(1ms);
  CHECK_FALSE(thread.joinable());
}

}  // namespace
}  // namespace dspy::llama
