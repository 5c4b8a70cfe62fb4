#pragma once

#include "dspy/base/async.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace dspy {

/// Something that coroutines wait for: a place in a queue, or an entry.  Opened and closed from any thread; any number
/// of coroutines wait, each on an executor that does one thing at a time (an event loop of one thread, or a strand).
class Gate {
 public:
  explicit Gate(bool is_open = true) : is_open_(is_open) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  bool is_open() const noexcept { return is_open_.load(std::memory_order_acquire); }
  void close();
  /// Lets everyone through who waits.
  void open();

  /// Returns true once `gate` is open, at once if it is; false when `at_most` has passed before.
  static Async<bool> opened(std::shared_ptr<Gate> gate,
                            std::chrono::nanoseconds at_most = std::chrono::nanoseconds::max());

 private:
  struct Waiting;

  std::atomic<bool> is_open_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Waiting>> waiting_;
};

}  // namespace dspy
