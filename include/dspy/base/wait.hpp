#pragma once

#include "dspy/base/async.hpp"

#include <optional>
#include <utility>

namespace dspy {

namespace detail {
/// Drives `work` on the calling thread until it is done; rethrows what it throws.
void run_to_end(Async<void> work);
}  // namespace detail

/// The blocking door: runs `work` on the calling thread and returns its result, or
/// throws what it throws.  Safe from any thread, also inside another `wait`; it costs
/// about 1,000 instructions where nothing has to wait.  Not for code that is a coroutine:
/// that says `co_await`.
template <class T>
T wait(Async<T> work) {
  std::optional<T> result;
  detail::run_to_end([](Async<T> inner, std::optional<T>& out) -> Async<void> {
    out.emplace(co_await std::move(inner));
  }(std::move(work), result));
  return *std::move(result);
}

inline void wait(Async<void> work) {
  detail::run_to_end(std::move(work));
}

}  // namespace dspy
