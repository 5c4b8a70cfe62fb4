#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace dspy::llama {

/// Something with a thread that computes: `close` is called at the end of the process if the owner is still there, so
/// that nothing computes on while the inference library is taken apart.  Make it after the library was loaded.
class ClosedAtExit {
 public:
  /// `close` may be called on the thread that ends the process.
  explicit ClosedAtExit(std::function<void()> close);
  ~ClosedAtExit();
  ClosedAtExit(const ClosedAtExit&) = delete;
  ClosedAtExit& operator=(const ClosedAtExit&) = delete;

  /// Runs `close`, unless it has run.  Where another thread is at it, waits for that.
  void close();

 private:
  std::once_flag closed_;
  std::function<void()> close_;
};

/// Waits for a thread to end, unless it is the one that asks: a log sink may end the process from any thread.
void join(std::thread& thread);

}  // namespace dspy::llama
