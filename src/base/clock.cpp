#include "dspy/base/clock.hpp"

namespace dspy {
namespace {

class RealClock final : public Clock {
 public:
  Time now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace

const Clock& Clock::real() {
  static const RealClock clock;
  return clock;
}

Clock::Time FakeClock::now() const {
  const std::lock_guard lock(mutex_);
  return Time(std::chrono::duration_cast<Time::duration>(time_));
}

std::chrono::system_clock::time_point FakeClock::wall() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::days(20'000) + time_));
}

void FakeClock::advance(std::chrono::nanoseconds time) {
  const std::lock_guard lock(mutex_);
  time_ += time;
}

}  // namespace dspy
