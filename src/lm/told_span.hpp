#pragma once

#include "dspy/lm/trace.hpp"

#include <chrono>
#include <cstdint>

namespace dspy {

/// A span of a trace; nothing without one.
class ToldSpan {
 public:
  ToldSpan(Trace* trace, Span span) : trace_(trace), span_(span) {
    if (trace_ == nullptr) return;
    span_.id = Trace::next_id();
    span_.started_at = std::chrono::system_clock::now();
    begun_ = std::chrono::steady_clock::now();
    trace_->begin(span_);
  }
  std::uint64_t id() const noexcept { return span_.id; }
  template <class T>
  void end(const T* Span::* member, const T& value) {
    if (trace_ == nullptr) return;
    span_.*member = &value;
    span_.time = std::chrono::steady_clock::now() - begun_;
    trace_->end(span_);
  }

 private:
  Trace* trace_;
  Span span_;
  std::chrono::steady_clock::time_point begun_ = {};
};

}  // namespace dspy
