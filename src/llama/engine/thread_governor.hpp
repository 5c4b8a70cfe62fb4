#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dspy::llama {

/// Decides how many threads compute, from how long steps take.
///
/// The threads of a step wait for each other hundreds of times, spinning.  When another program takes one of their
/// cores, every wait lasts until the scheduler comes round, and a step takes many times as long; one thread fewer is
/// then far faster.  So: after some steps in a row that took much longer than such steps do when the machine is quiet,
/// give up a thread; try it again later, after a time that doubles as long as trying shows that the machine is still
/// busy.
///
/// Pure: time comes in as an argument.
class ThreadGovernor {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ThreadGovernor(int most_threads);

  int threads() const noexcept { return threads_; }
  std::uint64_t slowdowns() const noexcept { return slowdowns_; }

  /// A step over `tokens` tokens took `time` and ended at `now`.  True if `threads()` changed.
  bool observe(std::size_t tokens, std::chrono::nanoseconds time, Clock::time_point now);

 private:
  /// Steps of like size are compared with each other only: 1, 2–3, 4–7, … tokens.
  static constexpr std::size_t classes = 12;
  static std::size_t class_of(std::size_t tokens) noexcept;

  bool is_slow(std::size_t tokens, std::chrono::nanoseconds time);
  bool change(int threads, Clock::time_point now);

  int most_;
  int threads_;
  std::array<double, classes> quiet_{};  ///< Nanoseconds a token, with all threads on a quiet machine; 0: not known.
  int slow_steps_ = 0;
  int good_steps_ = 0;
  bool probing_ = false;
  std::chrono::nanoseconds patience_;
  Clock::time_point retry_at_;
  std::uint64_t slowdowns_ = 0;
};

}  // namespace dspy::llama
