#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <concepts>
#include <csignal>
#include <random>
#include <thread>

namespace dspy::test {

/// A process of its own that does some work until it is killed, in the middle of whatever it does.
class Child {
 public:
  template <std::invocable F>
  explicit Child(F work) : id_(::fork()) {
    REQUIRE(id_ >= 0);
    if (id_ != 0) return;
    try {
      for (;;) work();
    } catch (...) {
      ::_exit(1);
    }
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// False if it had come to an end before.
  bool kill() {
    if (id_ == 0) return false;
    int status = 0;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, &status, 0);
    id_ = 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t id_;
};

/// Lets `work` run in a child, again and again, and kills it `times` times, each after another
/// while; `check` then looks at what is left.
template <class Work, class Check>
void kill_at_random_moments(int times, Work&& work, Check&& check) {
  std::mt19937 random(20261121);
  std::uniform_int_distribution<int> microseconds(0, 8'000);
  for (int time = 0; time < times; ++time) {
    CAPTURE(time);
    Child child(work);
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
    REQUIRE(child.kill());
    check();
  }
}

}  // namespace dspy::test
