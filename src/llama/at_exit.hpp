#pragma once

#include <functional>

namespace dspy::llama {

/// Something with a thread that computes: `close` is called at the end of the process if the owner is still there, so
/// that nothing computes on while the inference library is taken apart.  Make it after the library was loaded.
class ClosedAtExit {
 public:
  /// `close` may be called on the thread that ends the process, once.
  explicit ClosedAtExit(std::function<void()> close);
  ~ClosedAtExit();
  ClosedAtExit(const ClosedAtExit&) = delete;
  ClosedAtExit& operator=(const ClosedAtExit&) = delete;

 private:
  std::function<void()> close_;
};

}  // namespace dspy::llama
