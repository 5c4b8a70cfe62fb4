#pragma once

#include "dspy/lm/trace.hpp"

#include <chrono>
#include <cstdint>

namespace dspy {

/// A span of a trace; nothing without one.  One that is given up, since its coroutine is destroyed or something else
/// than an `Error` was thrown, ends too: as cancelled.
class ToldSpan {
 public:
  ToldSpan(Trace* trace, Span span) : trace_(trace), span_(span) {
    if (trace_ == nullptr) return;
    span_.id = Trace::next_id();
    span_.started_at = std::chrono::system_clock::now();
    begun_ = std::chrono::steady_clock::now();
    trace_->begin(span_);
  }
  ToldSpan(const ToldSpan&) = delete;
  ToldSpan& operator=(const ToldSpan&) = delete;
  ~ToldSpan() {
    if (trace_ != nullptr) give_up();
  }

  std::uint64_t id() const noexcept { return span_.id; }

  template <class T>
  void end(const T* Span::* member, const T& value) {
    if (trace_ == nullptr) return;
    span_.*member = &value;
    tell_end();
  }
  /// Ends with the exception that is being handled.
  void end_failed();

 private:
  void tell_end();
  void give_up() noexcept;

  Trace* trace_;  ///< Null once the span has ended.
  Span span_;
  std::chrono::steady_clock::time_point begun_ = {};
};

}  // namespace dspy
