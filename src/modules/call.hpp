#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/predictor.hpp"

#include <memory>
#include <optional>
#include <span>

namespace dspy {

/// What one call works with.  The references outlive it.
struct Call {
  std::shared_ptr<LM> lm;
  std::shared_ptr<const Adapter> adapter;
  std::shared_ptr<const Exchange> exchange;  ///< The adapter's, for the signature and the demonstrations.
  std::shared_ptr<const Signature> signature;
  std::span<const Example> demos;
  const Sampling& sampling;  ///< The predictor's.
  const CallPolicy& policy;
  const CallOptions& options;
  const FieldSink* sink;  ///< Null unless the call streams.
};

/// Asks for the outputs until the policy is at its end.  `inputs` are checked; `prediction` is empty, and outlives the
/// call: a result that coroutines hand on would be moved at every step.  `prompt` is what the exchange makes of the
/// inputs, where that was done already.
Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt = {});

}  // namespace dspy
