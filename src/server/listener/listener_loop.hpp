#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace dspy::server {

/// An event loop with threads of its own.  Other threads wake coroutines on it: a model's engine, a provider's client,
/// whoever pushes into a pipe.  Such a thread may still be inside the call that woke the last coroutine when that has
/// ended, and a coroutine that did not end in time may be woken at any later moment.  Therefore the context outlives
/// this object: for a while, and for good if something was still waiting on it.
class ListenerLoop {
 public:
  explicit ListenerLoop(std::size_t threads);
  ListenerLoop(const ListenerLoop&) = delete;
  ListenerLoop& operator=(const ListenerLoop&) = delete;
  ~ListenerLoop();

  boost::asio::io_context& context() noexcept { return *context_; }
  /// Runs what was spawned, until nothing is left to do.
  void start();
  /// Waits for that, at most for `time`, and stops.  Returns whether nothing was left to do.
  bool end(std::chrono::milliseconds time);

 private:
  void run();

  const std::size_t count_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;
  bool is_waited_on_ = false;
  std::vector<std::thread> threads_;
};

/// How many contexts are kept because something was still waiting on them when their time was up.
std::size_t loops_waited_on();

}  // namespace dspy::server
