#pragma once

#include "dspy/base/async.hpp"
#include "dspy/optimize/kernel/backend.hpp"
#include "dspy/programs/program.hpp"
#include "optimize/kernel/recorded_lm.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace dspy::optimize {

/// The predictor's LM, its requests in the book; null where there is none.
std::shared_ptr<LM> recorded(const Predictor& predictor, const std::shared_ptr<Book>& book,
                             const std::shared_ptr<Scope>& scope);
/// A drawn run's temperature and seed; else the predictor's, with a seed made from `key` where it has none.
Sampling sampling_of(const Predictor& predictor, Draw draw, bool is_seeded, const std::string& key);

/// Makes a run through `book`.  Throws `Error` for what is not the program's fault.
Async<Rollout> run_rollout(RolloutRequest request, std::shared_ptr<Book> book);

}  // namespace dspy::optimize
