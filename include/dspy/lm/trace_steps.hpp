#pragma once

#include "dspy/lm/trace.hpp"
#include "dspy/signature/prediction.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace dspy {

/// One call of a predictor within a program's run.
struct TraceStep {
  std::string path = {};  ///< As `for_each_predictor` names it.
  JsonObject inputs = {};
  Prediction prediction = {};
};

/// Keeps the calls of a run that succeeded, in the order in which they ended.  Thread-safe.
class TraceSteps final : public Trace {
 public:
  void end(const Span& span) override;

  /// What there is so far; nothing of it is kept.
  std::vector<TraceStep> take();

 private:
  std::mutex mutex_;
  std::vector<TraceStep> steps_;
};

}  // namespace dspy
