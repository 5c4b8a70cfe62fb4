#pragma once

#include "dspy/base/async.hpp"
#include "modules/call_machine.hpp"

namespace dspy {

/// Asks for the outputs until the policy is at its end.  `inputs` are checked; `prediction` is empty, and outlives the
/// call: a result that coroutines hand on would be moved at every step.
Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction);

}  // namespace dspy
