#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/trace_steps.hpp"
#include "dspy/modules/predictor.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dspy::detail {

/// A run of a program that was not good enough.
struct WeakRun {
  std::vector<std::pair<std::string, Signature>> modules = {};  ///< The program's predictors, by path.
  JsonObject inputs = {};
  std::vector<TraceStep> steps = {};
  JsonObject outputs = {};
  double reward = 0;
  double threshold = 1;
  std::string feedback = {};  ///< What the reward said in words.
};

/// A hint for each module that is to do something differently.
using Advice = std::map<std::string, std::string>;

/// What is asked to advise: DSPy's `OfferFeedback`.
Signature advice_signature();

/// Asks what each module should do differently.
Async<Advice> advise(Predictor advisor, WeakRun run, CallOptions options);

/// The signature with the hint as one more input, which callers need not give.  Throws `Error` (`signature_error`) if
/// it has an input `hint_`.
Signature with_hint(const Signature& signature, const std::string& hint);

}  // namespace dspy::detail
