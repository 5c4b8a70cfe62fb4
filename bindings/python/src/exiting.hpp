#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <stop_token>

// What is still at work when the interpreter ends.  A thread that asks for the GIL after that is ended by Python
// (before 3.14, with `pthread_exit`) in the middle of whatever frames it has, and C++ frames that may not throw do not
// let that pass: the process would abort.

namespace dspy::python {

bool on_main_thread();

/// Work that is stopped, and waited for, before the interpreter ends.  For work in the background from its begin to its
/// end; for a call on a thread other than the main one until that has the GIL for good.  Thread-safe.
class Attended {
 public:
  explicit Attended(std::stop_source stop);
  ~Attended();
  Attended(const Attended&) = delete;
  Attended& operator=(const Attended&) = delete;

 private:
  std::list<std::stop_source>::iterator entry_;
};

/// Of a call on this thread: nothing on the main one, which cannot end the interpreter meanwhile.
class AttendedCall {
 public:
  explicit AttendedCall(const std::stop_source& stop) {
    if (!on_main_thread()) attended_.emplace(stop);
  }

 private:
  std::optional<Attended> attended_;
};

/// From now on nothing enters the interpreter: asks all that is attended to stop, and waits for it so long.
void end_attended(std::chrono::milliseconds patience);

}  // namespace dspy::python
