#pragma once

#include "dspy/agents/react.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/prediction.hpp"

#include <utility>

namespace dspy::server {

/// An agent that answers a request as any program does.  Nobody can be asked while a client waits: a run that comes to
/// a call which needs consent ends with `HttpError` (409) that names the way there is, which is a job.
class DirectAgent {
 public:
  explicit DirectAgent(ReActAgent agent) : agent_(std::move(agent)) {}

  Async<Prediction> run(JsonObject inputs, Run how) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    agent_.for_each_predictor(visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    agent_.for_each_predictor(visit);
  }

 private:
  ReActAgent agent_;
};

}  // namespace dspy::server
