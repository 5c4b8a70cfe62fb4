#pragma once

#include <chrono>
#include <cstdint>

namespace dspy::app {

/// Gives memory back to the system that starting took, and later what a burst of requests took: once, when nothing was
/// asked for a while.  The allocator alone keeps it, and the system what was mapped of the program's files.
class IdleMemory {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `requests` so far.  Returns whether memory was given back.
  bool look(std::uint64_t requests, Time now);

 private:
  std::uint64_t seen_ = ~std::uint64_t{0};
  Time since_ = {};
  bool is_given_back_ = false;
};

}  // namespace dspy::app
