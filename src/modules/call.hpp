#pragma once

#include "dspy/base/async.hpp"
#include "modules/call_machine.hpp"

namespace dspy {

/// Asks for the outputs until the policy is at its end.  `inputs` are checked; `prediction` is empty, and outlives the
/// call: a result that coroutines hand on would be moved at every step.  `prompt` is what the exchange makes of the
/// inputs, where that was done already.
Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt = {});

}  // namespace dspy
