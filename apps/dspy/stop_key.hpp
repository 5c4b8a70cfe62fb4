#pragma once

#include <stop_token>
#include <thread>

namespace dspy::app {

/// While it lives, Ctrl-C (and SIGTERM, which schedulers send) asks to stop instead of ending the process; pressed
/// again, it ends it.
class StopKey {
 public:
  StopKey();
  ~StopKey();
  StopKey(const StopKey&) = delete;
  StopKey& operator=(const StopKey&) = delete;

  std::stop_token token() const noexcept { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace dspy::app
