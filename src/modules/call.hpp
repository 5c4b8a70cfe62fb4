#pragma once

#include "dspy/base/async.hpp"
#include "modules/call_machine.hpp"

namespace dspy {

/// Requests the outputs until there is a result or the policy is exhausted.  `inputs` are checked; `prediction` is
/// empty, and outlives the call: a result returned through coroutines would be moved at every step.  `prompt` is the
/// exchange's prompt for the inputs, if it was formatted already.
Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt = {});

}  // namespace dspy
