#pragma once

#include "dspy/base/async.hpp"

#include <cstddef>
#include <functional>

namespace dspy {

/// Runs `work(0)`, `work(1)`, … `work(count - 1)` on the caller's executor: started in this order, at most `limit` (at
/// least 1) running at a time.  Completes when all have completed.  If one throws, the running ones are cancelled, no
/// more are started, and the exception reaches the caller.
Async<void> run_concurrently(std::size_t count, std::size_t limit, std::function<Async<void>(std::size_t)> work);

}  // namespace dspy
