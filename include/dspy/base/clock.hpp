#pragma once

#include <chrono>
#include <mutex>

namespace dspy {

/// The source of time for code that waits, expires or limits rates, so that tests need not wait.  Thread-safe.
class Clock {
 public:
  using Time = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  virtual Time now() const = 0;
  /// For what outlives the process.
  virtual std::chrono::system_clock::time_point wall() const = 0;

  /// The process's own.
  static const Clock& real();
};

/// Stands still until it is moved.
class FakeClock final : public Clock {
 public:
  Time now() const override;
  std::chrono::system_clock::time_point wall() const override;
  void advance(std::chrono::nanoseconds time);

 private:
  mutable std::mutex mutex_;
  std::chrono::nanoseconds time_ = std::chrono::hours(1);
};

}  // namespace dspy
