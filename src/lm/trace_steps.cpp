#include "dspy/lm/trace_steps.hpp"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

void TraceSteps::end(const Span& span) {
  if (span.kind != Span::Kind::call || span.prediction == nullptr || span.inputs == nullptr) return;
  TraceStep step{.path = std::string(span.path), .inputs = *span.inputs, .prediction = *span.prediction};
  const std::lock_guard lock(mutex_);
  steps_.push_back(std::move(step));
}

std::vector<TraceStep> TraceSteps::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(steps_, {});
}

}  // namespace dspy
