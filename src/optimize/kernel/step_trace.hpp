#pragma once

#include "dspy/lm/trace.hpp"
#include "dspy/optimize/kernel/rollout.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::optimize {

/// Keeps the calls of one run of a program, in the order in which they began.
class StepTrace final : public Trace {
 public:
  void end(const Span& span) override {
    if (span.kind != Span::Kind::call || span.inputs == nullptr) return;
    const std::scoped_lock lock(mutex_);
    if (span.prediction != nullptr) {
      steps_.emplace(
          span.id, TraceStep{.path = std::string(span.path),
                             .inputs = *span.inputs,
                             .prediction = {.data = span.prediction->data, .completion = span.prediction->completion}});
    } else if (span.error != nullptr) {
      failed_ = FailedStep{.path = std::string(span.path),
                           .inputs = *span.inputs,
                           .raw = span.error->info().raw,
                           .reason = span.error->what()};
    }
  }

  void move_into(Rollout& rollout) {
    const std::scoped_lock lock(mutex_);
    for (auto& [id, step] : steps_) rollout.steps.push_back(std::move(step));
    rollout.failed = std::move(failed_);
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, TraceStep> steps_;
  std::optional<FailedStep> failed_;
};

}  // namespace dspy::optimize
