#pragma once

#include "dspy/base/async.hpp"

#include <cstddef>
#include <functional>

namespace dspy {

/// Runs `work(0)`, `work(1)`, … `work(count - 1)` where the caller awaits: begun in this order, at most `limit` (at
/// least 1) under way at a time.  Ends when all have ended.  What one throws cancels those under way, begins no more,
/// and reaches the caller.
Async<void> run_concurrently(std::size_t count, std::size_t limit, std::function<Async<void>(std::size_t)> work);

}  // namespace dspy
